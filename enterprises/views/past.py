"""The history's page, for IT admins, and its export."""

import csv
from collections.abc import Iterator

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from enterprises import access, history
from enterprises.forms import HistoryForm
from enterprises.models import HistoryEntry

_A_PAGE = 50


@require_GET
@never_cache
def past(request: HttpRequest, slug: str) -> HttpResponse:
    enterprise = access.get_membership_of_it_admin(request.user, slug).enterprise
    form = HistoryForm(request.GET)
    page = Paginator(_narrowed(history.of(enterprise), form), _A_PAGE).get_page(request.GET.get("page"))
    narrowing = request.GET.copy()
    narrowing.pop("page", None)
    return render(
        request,
        "enterprises/history.html",
        {"enterprise": enterprise, "page": page, "form": form, "narrowing": narrowing.urlencode()},
    )


@require_GET
@never_cache
def export(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """What the page shows with this filter, whole, as CSV."""
    enterprise = access.get_membership_of_it_admin(request.user, slug).enterprise
    found = _narrowed(history.of(enterprise), HistoryForm(request.GET))
    return StreamingHttpResponse(
        _lines(found),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="history-{enterprise.slug}.csv"'},
    )


def _narrowed(entries: QuerySet[HistoryEntry], form: HistoryForm) -> QuerySet[HistoryEntry]:
    if not form.is_valid():
        return entries.none()
    return history.narrow(entries, **form.cleaned_data)


class _Echo:
    def write(self, text: str) -> str:
        return text


def _lines(entries: QuerySet[HistoryEntry]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(["When (UTC)", "Who", "What", "For whom", "Outcome", "Address"])
    for entry in entries.iterator():
        yield writer.writerow(
            [
                f"{entry.at:%Y-%m-%d %H:%M:%S}",
                *map(
                    harmless,
                    (entry.who, entry.word, entry.for_whom, entry.outcome),
                ),
                entry.client_address or "",
            ]
        )


def harmless(cell: str) -> str:
    """The text, marked as such where a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell.lstrip()[:1] in set("=+-@") or cell[:1] in set("\t\r\n") else cell
