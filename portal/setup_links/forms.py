from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from enterprises.forms import NormalizedEmailField
from enterprises.models import Enterprise
from portal.setup_links.sending import available_intents


class SetupLinkForm(forms.Form):
    email = NormalizedEmailField(
        label=_("Email of the IT contact"),
        help_text=_("The person who manages the identity provider. WorkOS emails them the link."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    intents = forms.MultipleChoiceField(
        label=_("What can they set up?"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one.")},
    )

    def __init__(self, data: QueryDict | None, *, enterprise: Enterprise) -> None:
        super().__init__(data)
        field = self.fields["intents"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - narrows the type
        field.choices = [(intent.value, intent.label) for intent in available_intents(enterprise)]
