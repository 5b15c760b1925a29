from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import password_validators_help_text_html, validate_password

from enterprises.domains import InvalidDomain, normalise
from enterprises.intents import Intent, sold
from enterprises.models import Enterprise, Membership
from enterprises.models.history import Deed


class DomainsField(forms.CharField):
    """Domains, one a line or separated by commas, normalised."""

    widget = forms.Textarea(attrs={"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        typed = super().clean(value)
        domains, wrong = [], []
        for line in typed.replace(",", "\n").split("\n"):
            if line.strip():
                try:
                    domains.append(normalise(line))
                except InvalidDomain as error:
                    wrong.append(str(error))
        if wrong:
            raise forms.ValidationError(wrong)
        return domains


class ProvisionForm(forms.Form):
    name = forms.CharField(max_length=150, label="Name", help_text="As the company writes it.")
    slug = forms.SlugField(
        max_length=60,
        required=False,
        label="Slug",
        help_text="Its part of the address. Made from the name if empty.",
    )
    domains = DomainsField(
        required=False,
        label="Domains",
        help_text="One a line, such as acme.example. Ownership is proved later, in the Admin Portal.",
    )
    it_admin = forms.EmailField(
        max_length=254,
        required=False,
        label="IT admin’s e-mail address",
        help_text="They get a link to set a password if they have none.",
    )


class ChangeForm(forms.Form):
    """What staff change of an enterprise."""

    name = forms.CharField(
        max_length=150, label="Name", help_text="Goes to WorkOS, too. The address stays as it is."
    )
    domains = DomainsField(
        required=False,
        label="Domains",
        help_text="One a line. Added and removed at WorkOS; what its IT admins added there is left alone.",
    )
    intents = forms.MultipleChoiceField(
        required=False,
        label="Plan",
        choices=[(one, Intent(one).label) for one in sold()],
        widget=forms.CheckboxSelectMultiple,
        help_text="Domain Verification and Certificate Renewal come with Single Sign-On.",
    )


class DeprovisionForm(forms.Form):
    typed = forms.CharField(label="Type the slug to confirm", widget=forms.TextInput({"autocomplete": "off"}))

    def __init__(self, *args: Any, enterprise: Enterprise, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.enterprise = enterprise

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"]
        if typed != self.enterprise.slug:
            raise forms.ValidationError(f"That is not {self.enterprise.slug}. Nothing was done.")
        return typed


class InviteForm(forms.Form):
    email = forms.EmailField(
        max_length=254, label="E-mail address", widget=forms.EmailInput({"autocomplete": "off"})
    )
    role = forms.ChoiceField(
        label="Role",
        choices=[(role.value, f"{role.label}: {role.explanation}") for role in Membership.Role],
        initial=Membership.Role.MEMBER,
        widget=forms.RadioSelect,
    )


class JoinForm(forms.Form):
    name = forms.CharField(
        max_length=150, label="Your name", widget=forms.TextInput({"autocomplete": "name"})
    )
    password1 = forms.CharField(
        label="Password",
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=password_validators_help_text_html,
    )
    password2 = forms.CharField(
        label="The password again",
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        first, second = data.get("password1"), data.get("password2")
        if first and second and first != second:
            self.add_error("password2", "The two passwords are not the same.")
        elif first and second:
            try:
                validate_password(first, get_user_model()(email=self.email, name=data.get("name", "")))
            except forms.ValidationError as error:
                self.add_error("password1", error)
        return data


class HistoryForm(forms.Form):
    deed = forms.ChoiceField(required=False, label="What", choices=[("", "Everything"), *Deed.choices])
    person = forms.CharField(required=False, max_length=150, label="Who or for whom")
    since = forms.DateField(required=False, label="From", widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput({"type": "date"}))
