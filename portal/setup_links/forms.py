from django import forms
from django.http import QueryDict

from enterprises.forms import NormalizedEmailField
from enterprises.models import Enterprise
from portal.setup_links.sending import available_intents


class SetupLinkForm(forms.Form):
    email = NormalizedEmailField(
        label="E-mail address of the IT contact",
        help_text="Somebody who runs your identity provider and has no account here. WorkOS mails them.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    intents = forms.MultipleChoiceField(
        label="What they shall set up",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )

    def __init__(self, data: QueryDict | None, *, enterprise: Enterprise) -> None:
        super().__init__(data)
        field = self.fields["intents"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - narrows the type
        field.choices = [(intent.value, intent.label) for intent in available_intents(enterprise)]
