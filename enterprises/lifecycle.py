"""Change an enterprise: our rows at once, its Organization at WorkOS through outbox tasks.

A change and the task that pushes it are one commit. A task reads the wanted state when it runs and compares
it with what WorkOS has, so it can be repeated and the newest change wins.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

import gateway
from audit.actions import Action
from audit.actor import Actor
from audit.log import append_audit_entry
from audit.one_line import fold_to_one_line
from enterprises.environment import require_organization_id, require_same_environment
from enterprises.intents import Intent, plan_intents
from enterprises.locks import lock_enterprise
from enterprises.models import Enterprise
from enterprises.tasks import TaskKind
from mirror.organizations import close_organizations
from outbox import queue
from outbox.models import Task


@transaction.atomic
def rename(enterprise: Enterprise, name: str, actor: Actor, now: datetime) -> None:
    """Change the name. The slug and the URLs stay the same."""
    current, name = lock_enterprise(enterprise.pk), fold_to_one_line(name)
    if current.name == name:
        return
    outcome = f"{current.name} → {name}"
    current.name = enterprise.name = name
    current.save(update_fields=["name"])
    _provision_again_if_refused(current)
    append_audit_entry(current, Action.RENAMED, actor, now, outcome=outcome)
    queue.enqueue(TaskKind.PUSH_NAME, current.external_id)


@transaction.atomic
def change_domains(enterprise: Enterprise, domains: Sequence[str], actor: Actor, now: datetime) -> None:
    """Set the domains that staff want, normalized. Domains that IT admins added at WorkOS are left alone."""
    current = lock_enterprise(enterprise.pk)
    before, after = set(current.requested_domains), set(domains)
    current.requested_domains = enterprise.requested_domains = sorted(after)
    current.save(update_fields=["requested_domains"])
    if before != after:
        _provision_again_if_refused(current)
    for domain in sorted(before ^ after):
        action = Action.DOMAIN_ADDED if domain in after else Action.DOMAIN_REMOVED
        append_audit_entry(current, action, actor, now, target=domain)
        queue.enqueue(TaskKind.PUSH_DOMAIN, current.external_id, key=domain)


@transaction.atomic
def change_plan(enterprise: Enterprise, intents: Sequence[str], actor: Actor, now: datetime) -> None:
    """Set the intents that the enterprise may use."""
    current = lock_enterprise(enterprise.pk)
    after = [intent for intent in plan_intents() if intent in intents]
    if current.intents == after:
        return
    current.intents = enterprise.intents = after
    current.save(update_fields=["intents"])
    outcome = ", ".join(str(Intent(intent).label) for intent in after) or "nothing"
    append_audit_entry(current, Action.PLAN_CHANGED, actor, now, outcome=outcome)


@transaction.atomic
def deprovision(enterprise: Enterprise, actor: Actor, now: datetime) -> None:
    """Deprovision an enterprise: access ends now, the worker deletes its organization, its audit log is kept.

    Repeating is harmless.
    """
    current = lock_enterprise(enterprise.pk)
    if current.deprovisioned_at:
        return
    current.deprovisioned_at = now
    current.attention, current.refusal = "", None
    current.save(update_fields=["deprovisioned_at", "attention", "refusal"])
    if current.organization_id:
        # Its objects are deleted with it, including those that a late event reports. Nobody is notified of
        # what we did ourselves.
        close_organizations([(current.organization_id, now)], now=now)
    current.invitations.all().delete()
    # WorkOS deletes them with the organization.
    current.it_contacts.all().delete()
    # The deletion makes its other tasks pointless.
    queue.cancel_tasks(current.external_id)
    queue.enqueue(TaskKind.DELETE_ORGANIZATION, current.external_id)
    append_audit_entry(current, Action.DEPROVISIONED, actor, now)
    enterprise.refresh_from_db()


def _provision_again_if_refused(current: Enterprise) -> None:
    """What WorkOS refused has changed: the reason is no longer known to hold, and the worker asks again."""
    if current.attention:
        current.attention, current.refusal = "", None
        current.save(update_fields=["attention", "refusal"])
        queue.enqueue(TaskKind.PROVISION, current.external_id)


def push_name(enterprise: Enterprise, task: Task, now: datetime) -> None:
    if not enterprise.organization_deleted_at:
        gateway.rename_organization(require_organization_id(enterprise), name=enterprise.name)


def push_domain(enterprise: Enterprise, task: Task, now: datetime) -> None:
    domain = task.key
    if enterprise.organization_deleted_at:
        return
    organization_id = require_organization_id(enterprise)
    ids_by_domain = _get_domains(organization_id)
    if domain in enterprise.requested_domains and domain not in ids_by_domain:
        gateway.add_domain(organization_id, domain)
    elif domain not in enterprise.requested_domains and domain in ids_by_domain:
        gateway.remove_domain(ids_by_domain[domain])
        # WorkOS may answer before it has removed the domain, so look again.
        if domain in _get_domains(organization_id):
            raise gateway.Unavailable(f"WorkOS still lists {domain}.")


def delete_organization(enterprise: Enterprise, task: Task, now: datetime) -> None:
    require_same_environment(enterprise)
    organization_id = enterprise.organization_id
    if organization_id is None:
        # Provisioning may have been interrupted after WorkOS created it.
        found = gateway.find_organization_by_external_id(str(enterprise.external_id))
        organization_id = found.organization_id if found else None
    if organization_id:
        gateway.delete_organization(organization_id)
        # WorkOS may answer before it has deleted the organization, so look again.
        if gateway.find_organization_by_external_id(str(enterprise.external_id)):
            raise gateway.Unavailable("WorkOS still has the organization.")


def _get_domains(organization_id: str) -> dict[str, str]:
    return {one["domain"]: one["id"] for one in gateway.get_organization(organization_id).domains}
