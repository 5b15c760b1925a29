"""What WorkOS says of an object, and which events said it."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet

from enterprises.models import Enterprise, parse_external_id
from hostapp.explain.events import find_events_about
from hostapp.explain.findings import Finding, name_enterprise
from mirror.models import Directory, MirroredRow, Organization, OrganizationDomain
from mirror.people_models import DirectoryGroup, DirectoryMembership, DirectoryRow, DirectoryUser
from mirror.registry import MIRRORED
from outbox.models import Task

_MAX_ROWS = 20
# What the mirror needs itself, and what the finding says elsewhere.
_HIDDEN_FIELDS = {
    "id", "organization_id", "directory_id", "previous_state", "state", "state_since", "as_of_event",
    "as_of_is_estimated", "older_fields", "name_key", "last_name_key", "email_key", "deleted_event",
}  # fmt: skip
_FROM_API = "the API"


def find_objects(object_id: str) -> Iterator[Finding]:
    """Whatever of the mirror has this id of WorkOS, or this domain name."""
    yield from map(_explain_organization, Organization.objects.filter(pk=object_id))
    for name, kind in MIRRORED.items():
        rows = kind.model._default_manager.filter(
            Q(**{kind.key_field: object_id}) | Q(**{kind.id_field: object_id})
        )
        yield from (_explain_mirrored(name, row) for row in rows.select_related("organization__enterprise"))
    domains = OrganizationDomain.objects.filter(domain=object_id.lower())
    for domain in domains.select_related("organization__enterprise"):
        yield _explain_mirrored("organization_domain", domain)
    yield from _find_directory_rows(object_id)


def find_enterprises(query: str) -> Iterator[Finding]:
    """By slug, external id, name, organization id, or a domain that staff entered."""
    wanted = Q(slug=query) | Q(name__iexact=query) | Q(organization=query)
    wanted |= Q(requested_domains__contains=[query.lower()])
    if external_id := parse_external_id(query):
        wanted |= Q(external_id=external_id)
    for enterprise in Enterprise.objects.filter(wanted).select_related("organization"):
        yield _explain_enterprise(enterprise)


def explain_directory_users(rows: QuerySet[DirectoryUser]) -> Iterator[Finding]:
    for row in rows.select_related("directory__organization__enterprise")[:_MAX_ROWS]:
        memberships = (
            DirectoryMembership.objects.filter(user=row).select_related("group").order_by("group_id")
        )
        counted = set(
            DirectoryMembership.objects.current().filter(user=row).values_list("group_id", flat=True)
        )
        yield _explain_directory_row(
            "directory_user",
            row,
            row.user_id,
            {
                "groups": [
                    {
                        "group_id": one.group.group_id,
                        "name": one.group.name,
                        "is_member": one.is_member,
                        "counts": one.group_id in counted,
                        "as_of": one.as_of,
                        "set_by": one.as_of_event or _FROM_API,
                    }
                    for one in memberships[:_MAX_ROWS]
                ]
            },
        )


def _find_directory_rows(object_id: str) -> Iterator[Finding]:
    # In each directory, because the indexes begin with it.
    directories = Directory.objects.values("pk")
    users = DirectoryUser.objects.filter(directory__in=directories)
    found = users.filter(Q(user_id=object_id) | Q(idp_id=object_id))
    yield from explain_directory_users(found.order_by("directory_id", "user_id"))
    groups = DirectoryGroup.objects.filter(directory__in=directories, group_id=object_id)
    for row in groups.select_related("directory__organization__enterprise"):
        members = DirectoryMembership.objects.current().filter(group=row).count()
        yield _explain_directory_row("directory_group", row, row.group_id, {}, members=members)


def _explain_directory_row(
    kind: str, row: DirectoryUser | DirectoryGroup, object_id: str, related: Any, **facts: Any
) -> Finding:
    directory = row.directory
    found = find_events_about(
        kind,
        object_id,
        organization_id=directory.organization_id,
        directory_id=directory.directory_id,
    )
    return Finding(
        kind=kind,
        id=object_id,
        title=row.name,
        enterprise=_enterprise_of(directory.organization),
        state=row.state if row.is_announced else "not announced",
        since=row.state_since,
        facts=_describe_fields(row) | {"directory": directory.directory_id} | facts,
        set_by=row.as_of_event or _FROM_API,
        set_by_field=_describe_older_fields(row),
        events=found.events,
        events_are_cut=found.is_cut,
        related=related,
    )


def _describe_older_fields(row: DirectoryRow) -> dict[str, str]:
    older = row.older_fields if isinstance(row.older_fields, dict) else {}
    return {name: version[1] or _FROM_API for name, version in older.items()}


def _explain_mirrored(kind: str, row: MirroredRow) -> Finding:
    entry = MIRRORED[kind]
    found = find_events_about(kind, str(getattr(row, entry.id_field)), organization_id=row.organization_id)
    return Finding(
        kind=kind,
        id=entry.get_key(row),
        title=entry.describe(row),
        enterprise=_enterprise_of(row.organization),
        state=row.state,
        since=row.state_since,
        facts=_describe_fields(row) | {"organization": row.organization_id},
        set_by=row.as_of_event or _FROM_API,
        events=found.events,
        events_are_cut=found.is_cut,
    )


def _explain_organization(row: Organization) -> Finding:
    found = find_events_about("organization", row.organization_id, organization_id=row.organization_id)
    return Finding(
        kind="organization",
        id=row.organization_id,
        title=row.name,
        enterprise=_enterprise_of(row),
        state="deleted" if row.deleted_at else "active",
        since=row.deleted_at or row.as_of,
        facts=_describe_fields(row),
        events=found.events,
        events_are_cut=found.is_cut,
        related={
            f"{name}s": [
                {"id": kind.get_key(one), "state": one.state, "since": one.state_since}
                for one in kind.model._default_manager.filter(organization=row).order_by("pk")[:_MAX_ROWS]
            ]
            for name, kind in MIRRORED.items()
        },
    )


def _explain_enterprise(enterprise: Enterprise) -> Finding:
    tasks = Task.objects.filter(subject=enterprise.external_id).order_by("due_at")
    return Finding(
        kind="enterprise",
        id=str(enterprise.external_id),
        title=enterprise.name,
        enterprise=enterprise.slug,
        state=enterprise.provisioning.value,
        since=enterprise.deprovisioned_at or enterprise.created_at,
        facts={
            "organization_id": enterprise.organization_id,
            "attention": enterprise.attention,
            "next_step": enterprise.next_step,
            "requested_domains": ", ".join(enterprise.requested_domains),
            "plan": ", ".join(enterprise.intents),
        },
        related={
            "outbox_tasks": [
                {"kind": one.kind, "key": one.key, "attempts": one.attempts, "error": one.error}
                for one in tasks[:_MAX_ROWS]
            ]
        },
    )


def _enterprise_of(organization: Organization) -> str:
    return name_enterprise(getattr(organization, "enterprise", None))


def _describe_fields(row: Any) -> dict[str, Any]:
    values = {one.attname: getattr(row, one.attname) for one in row._meta.concrete_fields}
    return {name: value for name, value in values.items() if name not in _HIDDEN_FIELDS}
