"""The people and groups of an enterprise's directories, for its IT admins and for staff.

Nothing can be changed here: the identity provider does that.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from enterprises.access import get_enterprise_for_setup, memberships_of
from enterprises.forms import GroupsForm, PeopleForm
from enterprises.models import Enterprise
from mirror import people_lists
from mirror.models import DELETED, Directory
from mirror.people_counts import Counts, find_arrival, read_counts
from mirror.people_models import DirectoryUser, DirectoryUserState


@login_required
@require_safe
@never_cache
def list_people(request: HttpRequest, slug: str) -> HttpResponse:
    enterprise = get_enterprise_for_setup(request.user, slug)
    directories = _find_directories(enterprise)
    form = PeopleForm(request.GET, directories=directories)
    context = _build_context(request, enterprise, form, directories)
    state = DirectoryUserState(form.get_choice("state") or DirectoryUserState.ACTIVE)
    if directory := context["directory"]:
        context["page"] = people_lists.list_people(
            directory.pk, state, search=form.get_choice("search"), after=request.GET.get("after", "")
        )
    return render(request, "enterprises/people.html", context | {"state": state})


@login_required
@require_safe
@never_cache
def list_groups(request: HttpRequest, slug: str) -> HttpResponse:
    enterprise = get_enterprise_for_setup(request.user, slug)
    directories = _find_directories(enterprise)
    form = GroupsForm(request.GET, directories=directories)
    context = _build_context(request, enterprise, form, directories)
    if directory := context["directory"]:
        context["page"] = people_lists.list_groups(
            directory.pk, search=form.get_choice("search"), after=request.GET.get("after", "")
        )
    return render(request, "enterprises/groups.html", context)


@login_required
@require_safe
@never_cache
def show_person(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    enterprise = get_enterprise_for_setup(request.user, slug)
    people = DirectoryUser.objects.filter(
        directory__organization=enterprise.organization_id, is_announced=True
    )
    person = get_object_or_404(people.select_related("directory"), pk=number)
    context = {
        "person": person,
        "memberships": people_lists.list_memberships(person),
        "former": people_lists.list_former_rows(person),
        "is_removed": person.directory.state == DELETED,
    }
    return render(request, "enterprises/person.html", _build_access(request, enterprise) | context)


def _find_directories(enterprise: Enterprise) -> list[Directory]:
    if enterprise.organization_id is None:
        return []
    directories = Directory.objects.filter(organization=enterprise.organization_id)
    return list(directories.exclude(state=DELETED).order_by("pk"))


def _build_access(request: HttpRequest, enterprise: Enterprise) -> dict[str, Any]:
    membership = memberships_of(request.user).filter(enterprise=enterprise).first()
    return {
        "enterprise": enterprise,
        "is_it_admin": bool(membership and membership.is_it_admin),
        "is_outsider": membership is None,
    }


def _build_context(
    request: HttpRequest, enterprise: Enterprise, form: GroupsForm, directories: Sequence[Directory]
) -> dict[str, Any]:
    """What both lists show: the directory that was chosen, or the first, and how much is in it."""
    chosen = form.get_choice("directory")
    directory = next((one for one in directories if str(one.pk) == chosen), next(iter(directories), None))
    counts = read_counts([directory.pk]).get(directory.pk, Counts()) if directory else Counts()
    filters = request.GET.copy()
    filters.pop("after", None)
    return _build_access(request, enterprise) | {
        "form": form,
        "directory": directory,
        "counts": counts,
        "arrival": find_arrival(directory, counts, timezone.now()) if directory else None,
        "filters": filters.urlencode(),
        "is_filtered": bool(form.get_choice("search")),
        "is_first_page": "after" not in request.GET,
    }
