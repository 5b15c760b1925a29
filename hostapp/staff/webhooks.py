"""Webhooks for staff: their health, the events, and how to apply one again."""

import json
from dataclasses import asdict

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit.actor import Actor
from enterprises.locks import limited_lock_waits
from enterprises.models import Enterprise
from hostapp.staff.rights import Right, require_right
from hostapp.staff.webhook_forms import EventFilterForm
from webhooks.event_list import EventRow, find_row, list_events, select_filtered_events
from webhooks.health import read_health
from webhooks.inspection import describe_sample
from webhooks.models import WebhookEvent
from webhooks.replay import preview_replay
from webhooks.retry import RetryPreview, preview_retry
from webhooks.staff_actions import replay_as, retry_as

# Characters of a payload that a page shows. WorkOS's events are far smaller.
MAX_SHOWN = 65_536

State = WebhookEvent.State


@login_required
@require_safe
@never_cache
def show_webhooks(request: HttpRequest) -> HttpResponse:
    require_right(request.user, Right.VIEW_EVENTS)
    form = EventFilterForm(request.GET)
    if form.is_valid() and (event_id := form.cleaned_data["event_id"].strip()):
        if WebhookEvent.objects.filter(event_id=event_id).exists():
            return redirect("staff:event", event_id)
        form.add_error("event_id", _("There is no event with this ID. Enter the complete ID."))
    wanted = form.wanted
    page = None
    if form.is_valid():
        page = list_events(
            wanted, before=_read_number(request, "before"), after=_read_number(request, "after")
        )
    health = read_health(timezone.now())
    context = {
        "health": health,
        "refusals": [(report, describe_sample(report)) for report in health.refusals],
        "form": form,
        "page": page,
        "is_filtered": bool(form.errors) or any(asdict(wanted).values()),
        "filters": _encode_filters(request),
        "can_change": _can_change(request),
        "can_retry": wanted.state in (State.FAILED, State.QUARANTINED) and page is not None and page.rows,
    }
    return render(request, "staff/webhooks.html", context)


@login_required
@require_safe
@never_cache
def show_event(request: HttpRequest, event_id: str) -> HttpResponse:
    require_right(request.user, Right.VIEW_EVENTS)
    row = _get_row(event_id)
    payload, is_cut = _format_payload(row.event.payload)
    context = {
        "row": row,
        "payload": payload,
        "is_cut": is_cut,
        "shown": MAX_SHOWN,
        "is_failed": row.event.status == WebhookEvent.Status.FAILED,
        "can_change": _can_change(request),
    }
    return render(request, "staff/event.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def replay_event(request: HttpRequest, event_id: str) -> HttpResponse:
    """Show what applying the event again would change; a POST applies it."""
    require_right(request.user, Right.VIEW_EVENTS)
    _require_right_to_change(request)
    row = _get_row(event_id)
    if row.event.state == State.QUARANTINED:
        # It would run in this process, which serves everyone.
        messages.error(request, _("This event crashed workers. Retry it in a worker instead."))
        return redirect("staff:event", event_id)
    events, now = WebhookEvent.objects.filter(pk=row.event.pk), timezone.now()
    if request.method != "POST":
        return render(
            request, "staff/event_replay.html", {"row": row, "report": preview_replay(events, now=now)}
        )
    with limited_lock_waits():
        report = replay_as(events, Actor.from_request(request), now)
    if report.failures:
        messages.error(
            request,
            _("The event was replayed and failed: %(reason)s") % {"reason": report.failures[0].reason},
        )
    elif report.changes:
        messages.success(request, _("The event was replayed. The data has changed."))
    else:
        messages.success(request, _("The event was replayed. No data changed."))
    return redirect("staff:event", event_id)


@login_required
@require_POST
@never_cache
def retry_event(request: HttpRequest, event_id: str) -> HttpResponse:
    require_right(request.user, Right.VIEW_EVENTS)
    _require_right_to_change(request)
    row = _get_row(event_id)
    with limited_lock_waits():
        retried = retry_as(
            WebhookEvent.objects.filter(pk=row.event.pk), Actor.from_request(request), timezone.now()
        )
    if retried:
        messages.success(request, _("A worker will apply the event now. Reload to see the outcome."))
    else:
        messages.error(request, _("Only failed events can be retried. Nothing was changed."))
    return redirect("staff:event", event_id)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def retry_events(request: HttpRequest) -> HttpResponse:
    """Ask whether to retry the failed events of the list as it was filtered; a POST retries them."""
    require_right(request.user, Right.VIEW_EVENTS)
    _require_right_to_change(request)
    form = EventFilterForm(request.POST if request.method == "POST" else request.GET)
    if not form.is_valid() or form.wanted.state not in (State.FAILED, State.QUARANTINED):
        messages.error(request, _("Only failed events can be retried. Nothing was changed."))
        return redirect("staff:webhooks")
    events, filters = select_filtered_events(form.wanted), _encode_filters(request)
    list_url = f"{reverse('staff:webhooks')}?{filters}"
    if request.method != "POST":
        return _ask_to_retry(request, form, preview_retry(events), list_url)
    with limited_lock_waits():
        retried = retry_as(events, Actor.from_request(request), timezone.now())
    text = ngettext("%(count)d event will be retried now.", "%(count)d events will be retried now.", retried)
    messages.success(request, text % {"count": retried})
    return redirect(list_url)


def _ask_to_retry(
    request: HttpRequest, form: EventFilterForm, preview: RetryPreview, list_url: str
) -> HttpResponse:
    if not preview.total:
        messages.info(request, _("No failed event matches this filter. Nothing was changed."))
        return redirect(list_url)
    context = {
        "preview": preview,
        "wanted": form.wanted,
        "customer": Enterprise.objects.filter(organization_id=form.wanted.organization_id or None).first(),
        "is_quarantine": form.wanted.state == State.QUARANTINED,
        "list_url": list_url,
    }
    return render(request, "staff/retry_events.html", context)


def _get_row(event_id: str) -> EventRow:
    if row := find_row(event_id):
        return row
    raise Http404("No such event")


def _can_change(request: HttpRequest) -> bool:
    return request.user.has_perm("webhooks.change_webhookevent")


def _require_right_to_change(request: HttpRequest) -> None:
    if not _can_change(request):
        raise PermissionDenied(
            _("You can view events. To retry or replay them, ask for the right to change webhook events.")
        )


def _read_number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    # Larger ones are no keys of ours, and PostgreSQL would refuse them.
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _encode_filters(request: HttpRequest) -> str:
    """The filter of the list, for links to its other pages."""
    filters = (request.POST if request.method == "POST" else request.GET).copy()
    for name in [name for name in filters if name not in ("state", "kind", "customer") or not filters[name]]:
        del filters[name]
    return filters.urlencode()


def _format_payload(payload: object) -> tuple[str, bool]:
    """The payload as indented JSON, cut at MAX_SHOWN characters, and whether it was cut."""
    parts: list[str] = []
    length = 0
    # Piece by piece: the indentation of a deep payload of a megabyte would take many more.
    for part in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(payload):
        parts.append(part)
        length += len(part)
        if length > MAX_SHOWN:
            return "".join(parts)[:MAX_SHOWN], True
    return "".join(parts), False
