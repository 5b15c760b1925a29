"""The filter of the staff's list of events."""

from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from enterprises.models import Enterprise
from webhooks.event_list import EventFilter
from webhooks.event_names import HANDLED_EVENTS
from webhooks.models import WebhookEvent


class EventFilterForm(forms.Form):
    event_id = forms.CharField(
        required=False,
        max_length=255,
        label=gettext_lazy("Event ID"),
        widget=forms.SearchInput({"placeholder": "event_01…", "autocomplete": "off"}),
    )
    state = forms.ChoiceField(
        required=False,
        label=gettext_lazy("State"),
        choices=lambda: [("", _("All states")), *WebhookEvent.State.choices],
    )
    kind = forms.CharField(required=False, max_length=255, label=gettext_lazy("Event type"))
    customer = forms.CharField(
        required=False,
        max_length=150,
        label=gettext_lazy("Customer"),
        widget=forms.TextInput({"placeholder": gettext_lazy("Name, slug or organization ID")}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Types without a handler are few and come and go: they are reached from an event of theirs.
        names = list(HANDLED_EVENTS)
        if (chosen := self.data.get("kind", "")) and chosen not in names:
            names.append(chosen)
        self.fields["kind"].widget = forms.Select(
            choices=[("", _("All types")), *((name, name) for name in names)]
        )

    def clean_customer(self) -> str:
        """The organization id of the customer that is named."""
        typed: str = self.cleaned_data["customer"].strip()
        if not typed or typed.startswith("org_"):
            return typed
        named = Enterprise.objects.filter(Q(slug=typed.lower()) | Q(name__iexact=typed))
        customer = named.order_by("pk").first()
        if customer is None:
            raise forms.ValidationError(_("No customer has this name or slug."))
        if not customer.organization_id:
            raise forms.ValidationError(_("This customer has no organization in WorkOS, and so no events."))
        return customer.organization_id

    @property
    def wanted(self) -> EventFilter:
        """After is_valid(). Without what is invalid."""
        data = self.cleaned_data
        return EventFilter(data.get("state", ""), data.get("kind", ""), data.get("customer", ""))
