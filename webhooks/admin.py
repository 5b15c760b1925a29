from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from audit.admin import ReadOnlyAdmin
from webhooks import inspection, replay
from webhooks.handlers import HANDLERS
from webhooks.models import RefusalCount, RefusalSample, Secret, WebhookEvent
from webhooks.receive.reasons import Reason

# What one page can show, and one request apply.
_AT_ONCE = 1000


class ShownOfMany(ReadOnlyAdmin):
    # To count a million rows for a number on the page is not worth it.
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER


class NameFilter(admin.SimpleListFilter):
    """By the names we know. To ask the table for all the names in it would read all of it."""

    title = "event"
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(HANDLERS)]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        return queryset.filter(event=self.value()) if self.value() else queryset


@admin.register(WebhookEvent)
class WebhookEventAdmin(ShownOfMany):
    list_display = [
        "received_at",
        "event",
        "status",
        "reason",
        "event_id",
        "attempts",
        "due_at",
        "secret_name",
    ]
    list_filter = ["status", NameFilter]
    search_fields = ["event_id__exact"]
    ordering = ["-id"]
    list_per_page = 50
    actions = ["apply_again"]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(
            request, {"title": "Webhook events (search for a whole event id)", **(extra_context or {})}
        )

    @admin.display(description="Why")
    def reason(self, event: WebhookEvent) -> str:
        return event.error[:120]

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("webhooks.change_webhookevent")

    @admin.action(description="Apply again (shows first what would change)", permissions=["replay"])
    def apply_again(
        self, request: HttpRequest, queryset: models.QuerySet[WebhookEvent]
    ) -> HttpResponse | None:
        chosen = queryset.order_by()
        if chosen.count() > _AT_ONCE:
            self.message_user(
                request,
                f"More than {_AT_ONCE} at once: use `manage.py replay_events`. Nothing was changed.",
                messages.ERROR,
            )
            return None
        now = timezone.now()
        if "confirmed" in request.POST:
            report = replay.replay(chosen, now=now)
            done = "; ".join(f"{count} {way}" for way, count in replay.counted(report))
            self.message_user(request, f"Applied again: {done}.")
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Apply again",
            "report": (report := replay.preview(chosen, now=now)),
            "ways": replay.counted(report),
            "failures": [event for event in report.events if event.after == "failed"],
            "selected": request.POST.getlist("_selected_action"),
            "select_across": request.POST.get("select_across", "0"),
        }
        return render(request, "admin/webhooks/apply_again.html", context)


@admin.register(RefusalSample)
class RefusalSampleAdmin(ShownOfMany):
    """Why was it refused? The newest of each reason, how often, and what to do."""

    list_display = ["why", "next_step", "refused_at", "newest", "last_hour", "last_three_days"]
    list_display_links = None
    ordering = ["-refused_at"]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found = inspection.inspect(
            secret_names=settings.WORKOS_WEBHOOK_SECRET_NAMES,
            tolerance=timedelta(seconds=settings.WORKOS_WEBHOOK_TOLERANCE),
            now=timezone.now(),
        )
        for sentence in found.attention:
            messages.warning(request, sentence)
        return super().changelist_view(
            request, {"title": "Why deliveries were refused", **(extra_context or {})}
        )

    @admin.display(description="Reason")
    def why(self, sample: RefusalSample) -> str:
        return sample.get_reason_display()

    @admin.display(description="The newest")
    def newest(self, sample: RefusalSample) -> str:
        return inspection.in_words(sample)

    @admin.display(description="Last hour")
    def last_hour(self, sample: RefusalSample) -> int:
        return _counted(sample, timedelta(hours=1))

    @admin.display(description="Three days")
    def last_three_days(self, sample: RefusalSample) -> int:
        return _counted(sample, timedelta(days=3))

    @admin.display(description="What to do")
    def next_step(self, sample: RefusalSample) -> str:
        return Reason(sample.reason).next_step


def _counted(sample: RefusalSample, span: timedelta) -> int:
    counts = RefusalCount.objects.filter(reason=sample.reason, minute__gt=timezone.now() - span)
    total: int = counts.aggregate(total=models.Sum("count", default=0))["total"]
    return total


@admin.register(RefusalCount)
class RefusalCountAdmin(ShownOfMany):
    list_display = ["minute", "reason", "count"]
    list_filter = ["reason"]
    ordering = ["-minute"]


@admin.register(Secret)
class SecretAdmin(ShownOfMany):
    list_display = ["name", "last_used_at", "advice"]

    @admin.display(description="What to do")
    def advice(self, secret: Secret) -> str:
        if secret.name not in settings.WORKOS_WEBHOOK_SECRET_NAMES:
            return "Removed from the settings"
        uses = inspection.secrets(settings.WORKOS_WEBHOOK_SECRET_NAMES, timezone.now())
        return next(use.advice for use in uses if use.name == secret.name)
