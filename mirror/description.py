"""What the mirror holds of WorkOS ids, in words."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Model, Q

from mirror.models import Organization
from mirror.people_merge import PEOPLE_KINDS
from mirror.people_models import DirectoryRow
from mirror.registry import MIRRORED

_HIDDEN_FIELDS = {"id", "organization", "previous_state", "as_of_is_estimated"}


def describe_objects(ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """`connection conn_1` → field → value. The id of an organization stands for all of its objects, too."""
    wanted = list(ids)
    described = {
        f"organization {one.organization_id}": describe_fields(one, hidden={"organization_id"})
        for one in Organization.objects.filter(organization_id__in=wanted)
    }
    for kind in MIRRORED.values():
        matches = Q(organization__in=wanted) | Q(**{f"{kind.id_field}__in": wanted})
        for row in kind.model._default_manager.filter(matches):
            name = f"{row._meta.verbose_name} {kind.get_key(row)}"
            described[name] = describe_fields(row, hidden=_HIDDEN_FIELDS | {kind.key_field})
    for people in PEOPLE_KINDS.values():
        for one in find_people(people.model, wanted):
            name = f"{one._meta.verbose_name} {getattr(one, people.id_field)}"
            described[name] = describe_fields(one, hidden={*_HIDDEN_FIELDS, "directory", people.id_field})
    return described


def find_people(model: type[DirectoryRow], ids: Iterable[str]) -> Iterable[DirectoryRow]:
    """The people or groups with these ids, in the directories of the organizations among the ids."""
    (id_field,) = (kind.id_field for kind in PEOPLE_KINDS.values() if kind.model is model)
    wanted = list(ids)
    return model._default_manager.filter(
        directory__organization__in=wanted, **{f"{id_field}__in": wanted}
    ).order_by("pk")


def describe_fields(row: Model, *, hidden: Iterable[str]) -> dict[str, str]:
    """Each field and its value as text."""
    return {
        one.name: _format_value(getattr(row, one.attname))
        for one in row._meta.concrete_fields
        if one.name not in hidden
    }


def _format_value(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)
