from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.fields import OneLineFormField
from enterprises.domains import InvalidDomain, normalize_domain
from enterprises.forms import NormalizedEmailField
from enterprises.intents import Intent, default_intents, plan_intents
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


class _PlanField(forms.MultipleChoiceField):
    """The intents that a plan includes."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            label=gettext_lazy("Plan"),
            choices=lambda: [(intent, Intent(intent).label) for intent in plan_intents()],
            help_text=gettext_lazy("Domain verification and certificate renewal come with single sign-on."),
            **kwargs,
        )


class CustomersForm(forms.Form):
    """The search of the list of customers, and which of its pages is shown."""

    ATTENTION = "attention"

    q = forms.CharField(
        required=False,
        max_length=320,
        label=gettext_lazy("Search"),
        widget=forms.SearchInput({"placeholder": gettext_lazy("Name, domain, email, ID or reference")}),
    )
    show = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Show"),
        choices=lambda: [("", _("All customers")), (CustomersForm.ATTENTION, _("Needs attention"))],
    )
    # The ids of the customers next to which the page begins.
    after = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)
    before = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)


class ProvisionForm(forms.Form):
    name = OneLineFormField(
        max_length=150, label=gettext_lazy("Name"), help_text=gettext_lazy("As the company writes it.")
    )
    slug = forms.SlugField(
        max_length=60,
        required=False,
        label=gettext_lazy("Slug"),
        help_text=gettext_lazy("Used in the customer’s URLs. Leave empty to make it from the name."),
    )
    domains = DomainsField(
        required=False,
        label=gettext_lazy("Domains"),
        help_text=gettext_lazy(
            "One per line, such as acme.example. IT admins prove ownership later, in the Admin Portal."
        ),
    )
    it_admin = NormalizedEmailField(
        required=False,
        label=gettext_lazy("IT admin’s email"),
        help_text=gettext_lazy("They get a link to set a password if they have none."),
    )
    intents = _PlanField(initial=default_intents)

    def __init__(self, *args: Any, can_invite: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not can_invite:
            del self.fields["it_admin"]


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
            "One per line. Also added and removed in WorkOS. Domains that IT admins added there stay."
        ),
    )
    intents = _PlanField()

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
                _("That doesn’t match %(slug)s. Nothing was changed.") % {"slug": self.enterprise.slug}
            )
        return typed
