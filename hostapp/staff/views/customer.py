"""The page of a customer: what it sees, what needs attention, its ids and its activity."""

from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from enterprises.access import can_use_intent
from enterprises.failures import newest_failures
from enterprises.intents import Intent
from enterprises.models import Enterprise
from enterprises.views.activity import build_activity_context, build_export
from hostapp.staff.attention import annotate_reasons, list_reasons
from hostapp.staff.details import list_details
from hostapp.staff.references import find_reference
from hostapp.staff.rights import Right, has_right, staff_only
from outbox.models import Task
from portal.page.overview import build_overview
from portal.page.providers import GUIDES_URL
from webhooks.event_list import EventFilter, EventRow, list_events

_MAX_TASKS = 50
_MAX_FAILURES = 10
_MAX_EVENTS = 10
# The ids of users are greater: nobody looks at this page as a member.
_NO_MEMBER = 0


@staff_only(Right.VIEW_CUSTOMERS)
@require_safe
@never_cache
def show_customer(request: HttpRequest, slug: str) -> HttpResponse:
    enterprise, now = get_customer(slug), timezone.now()
    found = find_reference(request.GET.get("found", ""))
    annotated = annotate_reasons(Enterprise.objects.filter(pk=enterprise.pk), now).get()
    tasks = Task.objects.filter(subject=enterprise.external_id)
    context: dict[str, Any] = {
        "enterprise": enterprise,
        "found": found if found and found.customer == enterprise else None,
        "reasons": list_reasons(annotated),
        "details": list_details(enterprise),
        "failing_tasks": tasks.exclude(error="").order_by("due_at", "pk")[:_MAX_TASKS],
        "waiting_tasks": tasks.filter(error="").order_by("due_at", "pk")[:_MAX_TASKS],
        "event_rows": _list_events(enterprise, request),
        "failures": newest_failures(enterprise)[:_MAX_FAILURES],
        "overview": build_overview(
            enterprise,
            plan=[intent for intent in Intent if can_use_intent(enterprise, intent)],
            viewer_id=_NO_MEMBER,
            last_action=None,
            now=now,
        ),
        "is_read_only": True,
        "guides_url": GUIDES_URL,
    }
    return render(request, "staff/customer.html", context)


@staff_only(Right.VIEW_CUSTOMERS)
@require_safe
@never_cache
def show_activity(request: HttpRequest, slug: str) -> HttpResponse:
    return render(request, "staff/activity.html", build_activity_context(get_customer(slug), request.GET))


@staff_only(Right.VIEW_CUSTOMERS)
@require_safe
@never_cache
def export_activity(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    return build_export(get_customer(slug), request.GET)


def _list_events(enterprise: Enterprise, request: HttpRequest) -> list[EventRow]:
    if not enterprise.organization_id or not has_right(request.user, Right.VIEW_EVENTS):
        return []
    wanted = EventFilter(organization_id=enterprise.organization_id)
    return list_events(wanted, size=_MAX_EVENTS).rows


def get_customer(slug: str) -> Enterprise:
    return get_object_or_404(Enterprise.objects.select_related("organization"), slug=slug)
