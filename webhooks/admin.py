from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.actor import Actor
from audit.admin import ReadOnlyAdmin
from audit.admin_lists import BoundedPaginator
from enterprises.models import Enterprise
from webhooks import conf
from webhooks.event_names import HANDLED_EVENTS
from webhooks.inspection import describe_sample, describe_secrets, inspect_webhooks
from webhooks.models import (
    EVENT_ORGANIZATION_ID,
    EventBatch,
    RefusalCount,
    RefusalSample,
    Secret,
    UnreadableDelivery,
    WebhookEvent,
)
from webhooks.receive.reasons import Reason
from webhooks.replay import preview_replay
from webhooks.staff_actions import replay_as

# The most events that one page shows and one request replays.
_MAX_REPLAYED = 1000
# The most events that the page of a batch shows.
_MAX_SHOWN = 100


class LargeTableAdmin(ReadOnlyAdmin):
    # Counting a million rows takes longer than showing the page.
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER


class EventNameFilter(admin.SimpleListFilter):
    """Filters by the names that have handlers: reading all names from the table would scan it."""

    title = gettext_lazy("event")
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in HANDLED_EVENTS]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        return queryset.filter(event=self.value()) if self.value() else queryset


class SourceFilter(admin.SimpleListFilter):
    """Filters by how an event first arrived."""

    title = gettext_lazy("source")
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(source.value, source.label) for source in WebhookEvent.Source]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        if self.value() == WebhookEvent.Source.EVENTS_API:
            return queryset.filter(secret_name="")
        return queryset.exclude(secret_name="") if self.value() else queryset


@admin.register(WebhookEvent)
class WebhookEventAdmin(LargeTableAdmin):
    list_display = [
        "received_at",
        "event",
        "customer",
        "status",
        "reason",
        "event_id",
        "attempts",
        "due_at",
        "arrived_by",
        "secret_name",
    ]
    list_filter = ["status", SourceFilter, EventNameFilter]
    search_fields = ["event_id__exact"]
    ordering = ["-id"]
    # No other order has an index.
    sortable_by = ()
    list_per_page = 50
    actions = ["replay"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[WebhookEvent]:
        events: models.QuerySet[WebhookEvent] = super().get_queryset(request)
        enterprises = Enterprise.objects.filter(organization_id=models.OuterRef("organization_id"))
        return events.annotate(
            organization_id=EVENT_ORGANIZATION_ID,
            enterprise_name=models.Subquery(enterprises.values("name")[:1]),
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(
            request, {"title": _("Webhook events (search for a complete event ID)"), **(extra_context or {})}
        )

    @admin.display(description=gettext_lazy("Customer"))
    def customer(self, event: Any) -> str:
        return event.enterprise_name or ""

    @admin.display(description=gettext_lazy("Source"))
    def arrived_by(self, event: WebhookEvent) -> Any:
        return event.source.label

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("webhooks.change_webhookevent")

    @admin.action(description=gettext_lazy("Replay…"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: models.QuerySet[WebhookEvent]) -> HttpResponse | None:
        events = queryset.order_by()
        if events.count() > _MAX_REPLAYED:
            self.message_user(
                request,
                _("Select at most %(number)d events, or use `manage.py replay_events`. Nothing was changed.")
                % {"number": _MAX_REPLAYED},
                messages.ERROR,
            )
            return None
        if events.filter(pk__in=WebhookEvent.objects.in_state("quarantined").values("pk")).exists():
            self.message_user(
                request,
                _(
                    "A quarantined event may crash this process. Retry it on the Webhooks page. "
                    "Nothing was changed."
                ),
                messages.ERROR,
            )
            return None
        now = timezone.now()
        if "confirmed" in request.POST:
            report = replay_as(events, Actor.from_request(request), now)
            counts = "; ".join(f"{count} {transition}" for transition, count in report.count_transitions())
            self.message_user(request, _("Replayed: %(counts)s.") % {"counts": counts})
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Replay"),
            "report": preview_replay(events, now=now),
            "selected": request.POST.getlist("_selected_action"),
            "select_across": request.POST.get("select_across", "0"),
        }
        return render(request, "admin/webhooks/replay.html", context)


@admin.register(EventBatch)
class EventBatchAdmin(LargeTableAdmin):
    """What workers have in hand, and what they died with."""

    list_display = ["event", "size", "claimed_at", "leased_until", "state"]
    fields = ["event", "size", "claimed_at", "leased_until", "state", "events"]
    ordering = ["claimed_at", "id"]

    @admin.display(description=gettext_lazy("Number of events"))
    def size(self, batch: EventBatch) -> int:
        return len(batch.event_keys)

    @admin.display(description=gettext_lazy("State"))
    def state(self, batch: EventBatch) -> str:
        if batch.leased_until > timezone.now():
            return _("In progress")
        return _("Suspect: its worker is slow or has died. Another worker takes over.")

    @admin.display(description=gettext_lazy("Event IDs"))
    def events(self, batch: EventBatch) -> str:
        events = WebhookEvent.objects.filter(pk__in=batch.event_keys[:_MAX_SHOWN]).order_by("pk")
        rows = [
            (reverse("admin:webhooks_webhookevent_change", args=[key]), event_id)
            for key, event_id in events.values_list("pk", "event_id")
        ]
        return format_html_join(mark_safe("<br>"), '<a href="{}">{}</a>', rows)


@admin.register(UnreadableDelivery)
class UnreadableDeliveryAdmin(LargeTableAdmin):
    list_display = ["received_at", "detail", "body_length", "arrived_by", "secret_name"]
    ordering = ["-received_at", "-id"]

    @admin.display(description=gettext_lazy("Source"))
    def arrived_by(self, delivery: UnreadableDelivery) -> Any:
        return delivery.source.label


@admin.register(RefusalSample)
class RefusalSampleAdmin(LargeTableAdmin):
    """The newest refusal of each reason, how often it occurred, and what to do."""

    list_display = ["label", "next_step", "refused_at", "newest", "last_hour", "last_three_days"]
    list_display_links = None
    ordering = ["-refused_at"]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        inspection = inspect_webhooks(
            secret_names=conf.secret_names(), tolerance=conf.tolerance(), now=timezone.now()
        )
        for problem in inspection.attention:
            messages.warning(request, problem)
        return super().changelist_view(
            request, {"title": _("Why deliveries were refused"), **(extra_context or {})}
        )

    @admin.display(description=gettext_lazy("Reason"))
    def label(self, sample: RefusalSample) -> str:
        return sample.get_reason_display()

    @admin.display(description=gettext_lazy("Newest"))
    def newest(self, sample: RefusalSample) -> str:
        return describe_sample(sample)

    @admin.display(description=gettext_lazy("Last hour"))
    def last_hour(self, sample: RefusalSample) -> int:
        return _count_refusals(sample, timedelta(hours=1))

    @admin.display(description=gettext_lazy("Three days"))
    def last_three_days(self, sample: RefusalSample) -> int:
        return _count_refusals(sample, timedelta(days=3))

    @admin.display(description=gettext_lazy("What to do"))
    def next_step(self, sample: RefusalSample) -> str:
        return Reason(sample.reason).next_step


def _count_refusals(sample: RefusalSample, span: timedelta) -> int:
    counts = RefusalCount.objects.filter(reason=sample.reason, minute__gt=timezone.now() - span)
    total: int = counts.aggregate(total=models.Sum("count", default=0))["total"]
    return total


@admin.register(RefusalCount)
class RefusalCountAdmin(LargeTableAdmin):
    list_display = ["minute", "reason", "count"]
    list_filter = ["reason"]
    ordering = ["-minute"]


@admin.register(Secret)
class SecretAdmin(LargeTableAdmin):
    list_display = ["name", "last_used_at", "advice"]

    @admin.display(description=gettext_lazy("What to do"))
    def advice(self, secret: Secret) -> str:
        if secret.name not in conf.secret_names():
            return _("Removed from the settings")
        uses = describe_secrets(conf.secret_names(), timezone.now())
        return next(use.advice for use in uses if use.name == secret.name)
