"""The people and groups of an enterprise's directories, for its IT admins and for staff.

Nothing can be changed here: the identity provider does that.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from django.contrib.auth.decorators import login_required
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from enterprises.access import SetupAccess, get_access_for_setup
from enterprises.forms import GroupsSearch, PeopleSearch
from enterprises.models import Enterprise
from enterprises.row_urls import row_urls
from mirror import people_lists
from mirror.models import DELETED, Directory
from mirror.people_counts import Counts, find_arrival, read_counts
from mirror.people_lists import Wanted
from mirror.people_models import DirectoryGroup, DirectoryUser, DirectoryUserState

# Of staff.
_VIEW_PERMISSION = "enterprises.view_enterprise"

_Row = TypeVar("_Row", bound=Model)


def _of_enterprise(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page for IT admins and staff. Its view takes their access to the enterprise, and not the slug."""

    @login_required
    @require_safe
    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, slug: str, **arguments: Any) -> HttpResponse:
        access = get_access_for_setup(request.user, slug, permission=_VIEW_PERMISSION)
        return view(request, access, **arguments)

    return guarded


@_of_enterprise
def list_people(request: HttpRequest, access: SetupAccess) -> HttpResponse:
    context = _build_context(request, access, PeopleSearch)
    is_inactive = request.GET.get("state") == DirectoryUserState.INACTIVE
    state = DirectoryUserState.INACTIVE if is_inactive else DirectoryUserState.ACTIVE
    if directory := context["directory"]:
        page = people_lists.list_people(directory.pk, state, context["wanted"])
        # An active person is the latest entry already.
        latest = people_lists.find_latest_rows(page.rows) if is_inactive else {}
        url = row_urls("enterprises:person", access.enterprise.slug)
        people = [(person, url(person.pk), latest.get(person.pk)) for person in page.rows]
        context |= {"page": page, "people": people}
    return render(request, "enterprises/people.html", context | {"state": state})


@_of_enterprise
def list_groups(request: HttpRequest, access: SetupAccess) -> HttpResponse:
    context = _build_context(request, access, GroupsSearch)
    if directory := context["directory"]:
        page = people_lists.list_groups(directory.pk, context["wanted"])
        url = row_urls("enterprises:group", access.enterprise.slug)
        context |= {"page": page, "groups": [(group, url(group.pk)) for group in page.rows]}
    return render(request, "enterprises/groups.html", context)


@_of_enterprise
def show_person(request: HttpRequest, access: SetupAccess, number: int) -> HttpResponse:
    person = _get_row(DirectoryUser.objects.all(), access.enterprise, number)
    memberships = people_lists.list_memberships(person)
    context = {
        "person": person,
        "memberships": memberships[: people_lists.MAX_GROUPS],
        "is_cut": len(memberships) > people_lists.MAX_GROUPS,
        "former": people_lists.list_former_rows(person),
        "is_removed": person.directory.state == DELETED,
    }
    return render(request, "enterprises/person.html", _describe_access(access) | context)


@_of_enterprise
def show_group(request: HttpRequest, access: SetupAccess, number: int) -> HttpResponse:
    """A group, and the active people who are in it."""
    group = _get_row(DirectoryGroup.objects.all(), access.enterprise, number)
    search = _build_search(request, PeopleSearch(request.GET))
    page = people_lists.list_members(group, search["wanted"])
    url = row_urls("enterprises:person", access.enterprise.slug)
    context = {
        "group": group,
        "page": page,
        "people": [(person, url(person.pk)) for person in page.rows],
        "is_removed": group.directory.state == DELETED,
    }
    return render(request, "enterprises/group.html", _describe_access(access) | search | context)


def _get_row(rows: QuerySet[_Row], enterprise: Enterprise, number: int) -> _Row:
    """A person or group of the enterprise, also of a directory that was removed."""
    return get_object_or_404(
        rows.select_related("directory"),
        directory__organization=enterprise.organization_id,
        is_announced=True,
        pk=number,
    )


def _find_directories(enterprise: Enterprise) -> list[Directory]:
    if enterprise.organization_id is None:
        return []
    directories = Directory.objects.filter(organization=enterprise.organization_id)
    return list(directories.exclude(state=DELETED).order_by("pk"))


def _describe_access(access: SetupAccess) -> dict[str, Any]:
    return {
        "enterprise": access.enterprise,
        "is_it_admin": access.is_it_admin,
        "is_outsider": access.membership is None,
    }


def _build_search(request: HttpRequest, form: PeopleSearch) -> dict[str, Any]:
    """What every list takes from its URL.

    `filters` and `others` are for links to its other pages, and to the same list without the search.
    """
    search = form.get_choice("search")
    filters = request.GET.copy()
    for name in ("after", "before"):
        filters.pop(name, None)
    others = filters.copy()
    others.pop("search", None)
    return {
        "form": form,
        "wanted": Wanted(search, request.GET.get("after", ""), request.GET.get("before", "")),
        "is_filtered": bool(search),
        "filters": filters.urlencode(),
        "others": others.urlencode(),
    }


def _build_context(
    request: HttpRequest, access: SetupAccess, form_type: type[PeopleSearch]
) -> dict[str, Any]:
    """What both lists show: the directory that was chosen, or the first, and how much is in it."""
    directories = _find_directories(access.enterprise)
    form = form_type(request.GET, directories=directories)
    directory = _choose(directories, form.get_choice("directory"))
    counts = read_counts([directory.pk]).get(directory.pk, Counts()) if directory else Counts()
    return (
        _describe_access(access)
        | _build_search(request, form)
        | {
            "directory": directory,
            "directory_filter": f"directory={directory.pk}" if directory and len(directories) > 1 else "",
            "counts": counts,
            "arrival": find_arrival(directory, counts, timezone.now()) if directory else None,
        }
    )


def _choose(directories: Sequence[Directory], chosen: str) -> Directory | None:
    return next((one for one in directories if str(one.pk) == chosen), next(iter(directories), None))
