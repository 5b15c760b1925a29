"""The activity page for IT admins, and its export."""

import csv
from collections.abc import Iterator

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audit.log import audit_entries_for
from audit.models import AuditEntryQuerySet
from enterprises import access
from enterprises.forms import ActivityForm
from enterprises.models import Enterprise

_PAGE_SIZE = 50


@login_required
@require_safe
@never_cache
def list_activity(request: HttpRequest, slug: str) -> HttpResponse:
    enterprise = access.get_membership_for_it_admin(request.user, slug).enterprise
    form = ActivityForm(request.GET)
    page = Paginator(_filter_entries(enterprise, form), _PAGE_SIZE).get_page(request.GET.get("page"))
    filters = request.GET.copy()
    filters.pop("page", None)
    return render(
        request,
        "enterprises/activity.html",
        {"enterprise": enterprise, "page": page, "form": form, "filters": filters.urlencode()},
    )


@login_required
@require_safe
@never_cache
def export_activity(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """Everything that the page lists with this filter, as CSV."""
    enterprise = access.get_membership_for_it_admin(request.user, slug).enterprise
    entries = _filter_entries(enterprise, ActivityForm(request.GET))
    return StreamingHttpResponse(
        _write_csv(entries),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="history-{enterprise.slug}.csv"'},
    )


def _filter_entries(enterprise: Enterprise, form: ActivityForm) -> AuditEntryQuerySet:
    entries = audit_entries_for(enterprise)
    return entries.matching(**form.cleaned_data) if form.is_valid() else entries.none()


class _Echo:
    def write(self, text: str) -> str:
        return text


def _write_csv(entries: AuditEntryQuerySet) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(["When (UTC)", "Who", "What", "For whom", "Outcome", "IP address"])
    for entry in entries.read_in_pages():
        texts = (entry.actor, entry.action_label, entry.target, entry.outcome)
        yield writer.writerow(
            [f"{entry.at:%Y-%m-%d %H:%M:%S}", *map(escape_formula, texts), entry.client_ip or ""]
        )


def escape_formula(cell: str) -> str:
    """The text, marked as text where a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell.lstrip()[:1] in set("=+-@") or cell[:1] in set("\t\r\n") else cell
