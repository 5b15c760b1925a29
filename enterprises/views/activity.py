"""The activity page for IT admins, and its export."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audit.actions import Action
from audit.log import audit_entries_for, entries_by_session
from audit.models import AuditEntry, AuditEntryQuerySet
from enterprises import access
from enterprises.forms import ActivityForm
from enterprises.models import Enterprise

_PAGE_SIZE = 50
# Spreadsheets take a file without it for one in an older encoding.
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class ActivityRow:
    """A row of the page: one entry, or all entries of a portal session."""

    entry: AuditEntry
    label: str
    details: str


@dataclass(frozen=True)
class ActivityPage:
    """`newer` and `older` are ids of entries to continue from, None at the ends of the list."""

    entries: Sequence[AuditEntry]
    newer: int | None
    older: int | None


@login_required
@require_safe
@never_cache
def list_activity(request: HttpRequest, slug: str) -> HttpResponse:
    enterprise = access.get_membership_for_it_admin(request.user, slug).enterprise
    context = {"is_it_admin": True, **build_activity_context(enterprise, request.GET)}
    return render(request, "enterprises/activity.html", context)


@login_required
@require_safe
@never_cache
def export_activity(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """Every entry that matches the page's filter, as CSV."""
    return build_export(access.get_membership_for_it_admin(request.user, slug).enterprise, request.GET)


def build_activity_context(enterprise: Enterprise, query: QueryDict) -> dict[str, Any]:
    """What enterprises/activity_list.html shows. `query` is the page's: the filter, and where it begins."""
    form = ActivityForm(query)
    entries = _filter_entries(enterprise, form)
    # Someone who looks for one action finds each entry of it.
    is_folded = form.is_valid() and not form.cleaned_data["action"]
    shown = entries.fold_sessions() if is_folded else entries
    page = _cut_page(shown, _find_entry(enterprise, query, "before"), _find_entry(enterprise, query, "after"))
    filters = query.copy()
    for name in ("before", "after"):
        filters.pop(name, None)
    return {
        "enterprise": enterprise,
        "page": page,
        "rows": _build_rows(enterprise, page.entries, is_folded=is_folded),
        "form": form,
        "filters": filters.urlencode(),
    }


def _find_entry(enterprise: Enterprise, query: QueryDict, name: str) -> AuditEntry | None:
    """The entry that the parameter names, if it is one of this enterprise."""
    number = query.get(name, "")
    # Larger ones are no keys of ours, and PostgreSQL would refuse them.
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        return None
    return audit_entries_for(enterprise).filter(pk=number).first()


def _cut_page(
    entries: AuditEntryQuerySet, before: AuditEntry | None, after: AuditEntry | None
) -> ActivityPage:
    """The newest entries, or those older than `before`, or those newer than `after`.

    It continues from an entry and counts nothing, because a COUNT or an OFFSET reads every row it skips.
    """
    if after:
        found = list(entries.newer_than(after).order_by("at", "id")[: _PAGE_SIZE + 1])
        has_newer, has_older = len(found) > _PAGE_SIZE, True
        found = found[:_PAGE_SIZE][::-1]
    else:
        found = list((entries.older_than(before) if before else entries)[: _PAGE_SIZE + 1])
        has_newer, has_older = before is not None, len(found) > _PAGE_SIZE
        found = found[:_PAGE_SIZE]
    if not found:
        return ActivityPage([], None, None)
    return ActivityPage(found, found[0].pk if has_newer else None, found[-1].pk if has_older else None)


def build_export(enterprise: Enterprise, query: QueryDict) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        _write_csv(_filter_entries(enterprise, ActivityForm(query))),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="activity-{enterprise.slug}.csv"'},
    )


def _filter_entries(enterprise: Enterprise, form: ActivityForm) -> AuditEntryQuerySet:
    entries = audit_entries_for(enterprise)
    return entries.matching(**form.cleaned_data) if form.is_valid() else entries.none()


def _build_rows(
    enterprise: Enterprise, entries: Sequence[AuditEntry], *, is_folded: bool
) -> list[ActivityRow]:
    sessions = entries_by_session(enterprise, [entry.session for entry in entries]) if is_folded else {}
    return [
        _fold(entry, sessions[entry.session])
        if len(sessions.get(entry.session, ())) > 1
        else ActivityRow(entry, entry.action_label, entry.outcome)
        for entry in entries
    ]


def _fold(newest: AuditEntry, entries: Sequence[AuditEntry]) -> ActivityRow:
    """`Opened · Returned after 2 minutes · Finished`"""
    opened = entries[0]
    openings = sum(entry.action == Action.PORTAL_OPENED for entry in entries)
    parts = [opened.outcome or opened.action_label]
    if openings > 1:
        parts.append(
            ngettext("opened %(count)d time", "opened %(count)d times", openings) % {"count": openings}
        )
    for entry in entries[1:]:
        # timesince puts non-breaking spaces, which a phone is too narrow for.
        duration = timesince(opened.at, entry.at, depth=1).replace("\xa0", " ")
        is_short = entry.at - opened.at < timedelta(minutes=1)
        if entry.action == Action.PORTAL_RETURNED:
            text = _("returned within a minute") if is_short else _("returned after %(duration)s")
            parts.append(text % {"duration": duration})
        elif entry.action == Action.PORTAL_FINISHED:
            text = _("finished within a minute") if is_short else _("finished after %(duration)s")
            parts.append(text % {"duration": duration})
    return ActivityRow(newest, _("Admin Portal"), " · ".join(parts))


class _Echo:
    def write(self, text: str) -> str:
        return text


def _write_csv(entries: AuditEntryQuerySet) -> Iterator[str]:
    writer = csv.writer(_Echo())
    heads = [_("Date (UTC)"), _("Action"), _("Person or object"), _("Details"), _("By"), _("IP address")]
    yield _BYTE_ORDER_MARK + writer.writerow(heads)
    for entry in entries.read_in_pages():
        texts = (entry.action_label, entry.target, entry.outcome, entry.actor_label)
        yield writer.writerow(
            [f"{entry.at:%Y-%m-%dT%H:%M:%SZ}", *map(escape_formula, texts), entry.client_ip or ""]
        )


def escape_formula(cell: str) -> str:
    """The text, marked as text where a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell.lstrip()[:1] in set("=+-@") or cell[:1] in set("\t\r\n") else cell
