from django import forms

from enterprises.domains import InvalidDomain, normalise


class ProvisionForm(forms.Form):
    name = forms.CharField(max_length=150, label="Name", help_text="As the company writes it.")
    slug = forms.SlugField(
        max_length=60,
        required=False,
        label="Slug",
        help_text="Its part of the address. Made from the name if empty.",
    )
    domains = forms.CharField(
        required=False,
        label="Domains",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One a line, such as acme.example. Ownership is proved later, in the Admin Portal.",
    )
    it_admin = forms.EmailField(
        required=False,
        label="IT admin’s e-mail address",
        help_text="They get a link to set a password if they have none.",
    )

    def clean_domains(self) -> list[str]:
        domains, wrong = [], []
        for line in self.cleaned_data["domains"].replace(",", "\n").split("\n"):
            if line.strip():
                try:
                    domains.append(normalise(line))
                except InvalidDomain as error:
                    wrong.append(str(error))
        if wrong:
            raise forms.ValidationError(wrong)
        return domains
