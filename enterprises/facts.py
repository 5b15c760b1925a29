"""What WorkOS says, written down only where it is news.

Webhooks, the Events API and the list endpoints all end here. Each may speak late, twice or out of order,
so a write is conditional: a fact replaces the one we hold if it is newer by (`as_of`, `as_of_event`).
A deletion is final whatever its times say, because `*.deleted` carries the old state and ids are not reused.
"""

import enum
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

import gateway
from enterprises import history, notices
from enterprises.models import (
    Certificate,
    Connection,
    Directory,
    Enterprise,
    Errand,
    HistoryEntry,
    OrganizationDomain,
)

DELETED = "deleted"

Row = Connection | Directory | OrganizationDomain | Certificate


class Result(enum.Enum):
    APPLIED = "applied"
    STALE = "stale"
    UNKNOWN_ORGANIZATION = "unknown organization"


@dataclass(frozen=True)
class Told:
    """One object as WorkOS described it: `row` is unsaved and has no enterprise yet."""

    organization_id: str
    row: Row


def record(told: Sequence[Told]) -> list[Result]:
    """Write what is news among `told` (all of one model), in one statement. Answers in the same order."""
    if not told:
        return []
    with transaction.atomic():
        enterprises = _enterprises(fact.organization_id for fact in told)
        newest: dict[str, Row] = {}
        for fact in told:
            enterprise = enterprises.get(fact.organization_id)
            if enterprise is None:
                continue
            fact.row.enterprise = enterprise
            if not isinstance(fact.row, Certificate):
                fact.row.since = fact.row.as_of
            if enterprise.organization_deleted_at and hasattr(fact.row, "state"):
                # The organization took its children with it, also those we hear of only now.
                fact.row.state = DELETED
            key = getattr(fact.row, fact.row.KEY)
            if key not in newest or _version(fact.row) > _version(newest[key]):
                newest[key] = fact.row

        before = _states(newest) if newest else {}
        written = _write(newest) if newest else set()
        notices.ask(newest[key] for key in sorted(written))
        HistoryEntry.objects.bulk_create(_changes(newest, written, before))

    def result(fact: Told) -> Result:
        if fact.organization_id not in enterprises:
            return Result.UNKNOWN_ORGANIZATION
        key = getattr(fact.row, fact.row.KEY)
        return Result.APPLIED if key in written and newest[key] is fact.row else Result.STALE

    return [result(fact) for fact in told]


def adopt_organization(
    *,
    organization_id: str,
    external_id: str,
    at: datetime | None = None,
    who: AbstractBaseUser | str = history.WORKOS,
    deed: history.Deed = history.Deed.PROVISIONED,
) -> bool:
    """Keep the id of an Organization that carries our `external_id`, once. True when it was news.

    Called with WorkOS's answer, and with organization.created: so it heals what a crash left undone.
    """
    ours = _uuid(external_id)
    if ours is None:
        return False
    with transaction.atomic():
        enterprise = Enterprise.objects.select_for_update(no_key=True).filter(external_id=ours).first()
        if enterprise is None or enterprise.organization_id:
            return False
        if enterprise.deprovisioned_at:
            # It was created while somebody deprovisioned: nobody else would delete it.
            Errand.objects.record(Errand.Kind.DELETE_ORGANIZATION, enterprise=enterprise)
            return False
        enterprise.organization_id, enterprise.attention = organization_id, ""
        enterprise.environment = gateway.get_environment()
        enterprise.save(update_fields=["organization_id", "attention", "environment"])
        Errand.objects.filter(kind=Errand.Kind.PROVISION, enterprise=enterprise).delete()
        Errand.objects.record(Errand.Kind.AFTER_PROVISIONING, enterprise=enterprise)
        history.record(enterprise, deed=deed, who=who, at=at or timezone.now(), outcome=organization_id)
    return True


def known(organization_ids: Iterable[str]) -> set[str | None]:
    """Those of them that belong to an enterprise."""
    return set(
        Enterprise.objects.filter(organization_id__in=organization_ids).values_list(
            "organization_id", flat=True
        )
    )


def close_organizations(deleted: Sequence[tuple[str, datetime]]) -> list[Result]:
    """Organizations are gone at WorkOS, each since when, and what was theirs with them."""
    results = []
    with transaction.atomic():
        # All at once and in the order of `_enterprises`, so that two workers cannot wait for each other.
        held = {
            enterprise.organization_id: enterprise
            for enterprise in Enterprise.objects.select_for_update(no_key=True)
            .filter(organization_id__in=[organization_id for organization_id, _ in deleted])
            .order_by("id")
        }
        closed = []
        for organization_id, at in deleted:
            enterprise = held.get(organization_id)
            if enterprise is None:
                results.append(Result.UNKNOWN_ORGANIZATION)
            elif enterprise.organization_deleted_at:
                results.append(Result.STALE)
            else:
                enterprise.organization_deleted_at = at
                closed.append(enterprise)
                results.append(Result.APPLIED)
        if closed:
            Enterprise.objects.bulk_update(closed, ["organization_deleted_at"])
            for model in (Connection, Directory, OrganizationDomain):
                _close(model, closed)
    return results


def _close(model: Any, closed: Sequence[Enterprise]) -> None:
    """What was theirs is gone with them, and is told like any other removal: WorkOS may say no more of it."""
    now = timezone.now()
    enterprises = {enterprise.pk: enterprise for enterprise in closed}
    live = model._default_manager.filter(enterprise__in=closed).exclude(state=DELETED)
    rows = list(live.select_for_update().order_by(model.KEY))
    for row in rows:
        row.enterprise = enterprises[row.enterprise_id]
        at = row.enterprise.organization_deleted_at
        row.state, row.since, row.as_of, row.told_at = DELETED, at, at, now
    model._default_manager.bulk_update(rows, ["state", "since", "as_of", "told_at"])
    notices.ask(rows)
    if deed := _TOLD.get((model, DELETED)):
        HistoryEntry.objects.bulk_create(
            history.entry(row.enterprise, deed=deed, who=history.WORKOS, at=row.as_of, for_whom=_called(row))
            for row in rows
        )


def _enterprises(organization_ids: Iterable[str]) -> dict[str, Enterprise]:
    # Shared, so that writers do not wait for each other, but for close_organization, and it for them.
    return {
        enterprise.organization_id or "": enterprise
        for enterprise in Enterprise.objects.raw(
            "SELECT * FROM enterprises_enterprise WHERE organization_id = ANY(%s) ORDER BY id FOR SHARE",
            [list(set(organization_ids))],
        )
    }


def _new(column: str, model: type[Row]) -> str:
    if column == "since":
        # An event says that a connection or directory became so. The API, and every event of a domain's
        # organization, say only that it is so.
        is_no_news = "held.state = EXCLUDED.state"
        if model is not OrganizationDomain:
            is_no_news += " AND EXCLUDED.as_of_event = ''"
        return f"CASE WHEN {is_no_news} THEN held.since ELSE EXCLUDED.since END"
    if column == "reason":
        # Only the event of the failure says why.
        is_silent = "held.state = EXCLUDED.state AND EXCLUDED.reason = ''"
        return f"CASE WHEN {is_silent} THEN held.reason ELSE EXCLUDED.reason END"
    return f"EXCLUDED.{column}"


def _states(rows: dict[str, Row]) -> dict[str, str]:
    model = type(next(iter(rows.values())))
    if not any(model is one for one, _ in _TOLD):
        return {}
    held = model._default_manager.filter(**{f"{model.KEY}__in": list(rows)})
    return dict(held.values_list(model.KEY, "state"))


def _changes(rows: dict[str, Row], written: set[str], before: dict[str, str]) -> list[HistoryEntry]:
    """What the history says of states that were not so before."""
    return [
        history.entry(row.enterprise, deed=deed, who=history.WORKOS, at=row.as_of, for_whom=_called(row))
        for key, row in rows.items()
        if key in written
        and (deed := _TOLD.get((type(row), state := getattr(row, "state", ""))))
        and before.get(key) != state
    ]


def _called(row: Row) -> str:
    if isinstance(row, OrganizationDomain):
        return row.domain
    return getattr(row, "name", "")[:400] or str(getattr(row, row.KEY))


_TOLD: dict[tuple[type[Row], str], history.Deed] = {
    (Connection, Connection.State.ACTIVE): history.Deed.CONNECTION_ACTIVATED,
    (Connection, Connection.State.INACTIVE): history.Deed.CONNECTION_DEACTIVATED,
    (Connection, Connection.State.DELETED): history.Deed.CONNECTION_REMOVED,
    (Directory, Directory.State.ACTIVE): history.Deed.DIRECTORY_ACTIVATED,
    (Directory, Directory.State.INACTIVE): history.Deed.DIRECTORY_DEACTIVATED,
    (Directory, Directory.State.DELETED): history.Deed.DIRECTORY_REMOVED,
    (OrganizationDomain, OrganizationDomain.State.VERIFIED): history.Deed.DOMAIN_VERIFIED,
    (OrganizationDomain, OrganizationDomain.State.FAILED): history.Deed.DOMAIN_FAILED,
}


def _version(row: Row) -> tuple[bool, datetime, str]:
    return getattr(row, "state", None) == DELETED, row.as_of, row.as_of_event


def _write(rows: dict[str, Row]) -> set[str]:
    # The same order in every worker, so that two of them cannot wait for each other.
    ordered = [rows[key] for key in sorted(rows)]
    model = type(ordered[0])
    key = model.KEY
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    columns = [field.column for field in fields]
    newer = '(new.as_of, new.as_of_event COLLATE "C") > (held.as_of, held.as_of_event COLLATE "C")'
    if "state" in columns:
        newer = f"held.state <> '{DELETED}' AND (new.state = '{DELETED}' OR {newer})"
    newer = newer.replace("new.", "EXCLUDED.")
    one = f"({', '.join(['%s'] * len(columns))})"
    # Names come from the model, values are parameters.
    statement = (
        f"INSERT INTO {model._meta.db_table} AS held ({', '.join(columns)}) "  # noqa: S608
        f"VALUES {', '.join([one] * len(ordered))} "
        f"ON CONFLICT ({key}) DO UPDATE "
        f"SET {', '.join(f'{column} = {_new(column, model)}' for column in columns if column != key)} "
        f"WHERE {newer} RETURNING {key}"
    )
    parameters: list[Any] = [
        field.get_db_prep_save(getattr(row, field.attname), connection) for row in ordered for field in fields
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return {returned for (returned,) in cursor.fetchall()}


def describe(ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """What we hold of these WorkOS ids (and external ids), in words: `connection conn_1` → field → value.

    An organization's id stands for all that is its own.
    """
    named = list(ids)
    uuids = [found for one in named if (found := _uuid(one))]
    held = {}
    enterprises = Enterprise.objects.filter(Q(organization_id__in=named) | Q(external_id__in=uuids))
    for enterprise in enterprises:
        held[f"enterprise {enterprise.slug}"] = {
            name: _in_words(getattr(enterprise, name))
            for name in ("organization_id", "organization_deleted_at", "attention")
        }
    for model in (Connection, Directory, OrganizationDomain, Certificate):
        known_by = "connection_id" if model is Certificate else model.KEY
        theirs = Q(enterprise__in=enterprises) | Q(**{f"{known_by}__in": named})
        for row in model._default_manager.filter(theirs):
            held[f"{model._meta.verbose_name} {getattr(row, model.KEY)}"] = {
                field.name: _in_words(getattr(row, field.attname))
                for field in model._meta.concrete_fields
                if field.name not in ("id", "enterprise", model.KEY)
            }
    return held


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _in_words(value: object) -> str:
    if value is None:
        return ""
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)
