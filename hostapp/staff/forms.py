from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.fields import OneLineFormField
from enterprises.domains import InvalidDomain, normalize_domain
from enterprises.forms import NormalizedEmailField
from enterprises.intents import Intent, plan_intents
from enterprises.models import Enterprise


class DomainsField(forms.CharField):
    """Domains, one per line or separated by commas, normalized."""

    widget = forms.Textarea(attrs={"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        typed = super().clean(value)
        domains, errors = [], []
        for line in typed.replace(",", "\n").split("\n"):
            if line.strip():
                try:
                    domains.append(normalize_domain(line))
                except InvalidDomain as error:
                    errors.append(str(error))
        if errors:
            raise forms.ValidationError(errors)
        return domains


class ProvisionForm(forms.Form):
    name = OneLineFormField(
        max_length=150, label=gettext_lazy("Name"), help_text=gettext_lazy("As the company writes it.")
    )
    slug = forms.SlugField(
        max_length=60,
        required=False,
        label=gettext_lazy("Slug"),
        help_text=gettext_lazy("Its part of the address. Made from the name if empty."),
    )
    domains = DomainsField(
        required=False,
        label=gettext_lazy("Domains"),
        help_text=gettext_lazy(
            "One per line, such as acme.example. Ownership is proved later, in the Admin Portal."
        ),
    )
    it_admin = NormalizedEmailField(
        required=False,
        label=gettext_lazy("IT admin’s email"),
        help_text=gettext_lazy("They get a link to set a password if they have none."),
    )


class EnterpriseForm(forms.Form):
    """What staff change of an enterprise."""

    name = OneLineFormField(
        max_length=150,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("Also updated in WorkOS. The URL doesn’t change."),
    )
    domains = DomainsField(
        required=False,
        label=gettext_lazy("Domains"),
        help_text=gettext_lazy(
            "One per line. Added and removed at WorkOS; what its IT admins added there is left alone."
        ),
    )
    intents = forms.MultipleChoiceField(
        required=False,
        label=gettext_lazy("Plan"),
        choices=lambda: [(intent, Intent(intent).label) for intent in plan_intents()],
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Domain Verification and Certificate Renewal come with Single Sign-On."),
    )

    @classmethod
    def for_enterprise(cls, enterprise: Enterprise, data: Any = None) -> "EnterpriseForm":
        current = {
            "name": enterprise.name,
            "domains": enterprise.requested_domains,
            "intents": enterprise.intents,
        }
        return cls(data, initial=current)


class DeprovisionForm(forms.Form):
    typed = forms.CharField(
        label=gettext_lazy("Type the slug to confirm"), widget=forms.TextInput({"autocomplete": "off"})
    )

    def __init__(self, *args: Any, enterprise: Enterprise, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.enterprise = enterprise

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"]
        if typed != self.enterprise.slug:
            raise forms.ValidationError(
                _("That is not %(slug)s. Nothing was done.") % {"slug": self.enterprise.slug}
            )
        return typed
