"""Create an Enterprise's Organization at WorkOS, exactly once even after a crash."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.text import slugify

import gateway
from audit.actions import Action
from audit.actor import APPLICATION, Actor
from audit.log import append_audit_entry
from audit.one_line import fold_to_one_line
from enterprises.consequences import record_consequences
from enterprises.environment import require_same_environment
from enterprises.it_contacts import enqueue_it_contact_sync
from enterprises.models import Enterprise, parse_external_id
from enterprises.tasks import TaskKind
from mirror.models import Organization
from mirror.parsing import parse_each
from mirror.registry import MIRRORED
from mirror.times import parse_time
from mirror.upsert import upsert
from outbox import queue
from outbox.models import Task

# The worker takes over after this. Until then the first caller may still be provisioning.
FIRST_RETRY = timedelta(seconds=30)


class SlugConflict(Exception):
    """The slug belongs to an enterprise with other data. The message says which."""


def enroll(
    *, name: str, slug: str = "", domains: Sequence[str] = (), provision_later: bool = True
) -> Enterprise:
    """The Enterprise with this slug, created if there is none. WorkOS is not called.

    Call `provision` next. If you do not, the worker does after 30 seconds, unless `provision_later` is False.
    `slug` is made from the name by default; `domains` are normalized. Raises SlugConflict when the slug
    belongs to an enterprise with another name or other domains, and ValueError when no slug can be made.
    """
    name = fold_to_one_line(name)
    slug = slug or slugify(name)[:60].strip("-")
    if not slug:
        raise ValueError(f"No slug can be made from “{name}”: give one.")
    wanted = sorted(set(domains))
    try:
        with transaction.atomic():
            enterprise, is_new = Enterprise.objects.get_or_create(
                slug=slug, defaults={"name": name, "requested_domains": wanted}
            )
            if is_new and provision_later:
                # The caller may be killed before it provisions.
                _ensure_provisioning(enterprise, timezone.now())
    except IntegrityError:
        enterprise = Enterprise.objects.get(slug=slug)
    if enterprise.name != name:
        raise SlugConflict(f"“{slug}” is already {enterprise.name}. Choose another slug.")
    if enterprise.requested_domains != wanted:
        current = ", ".join(enterprise.requested_domains) or "no domains"
        raise SlugConflict(f"“{slug}” is already enrolled with {current}.")
    return enterprise


def provision(enterprise: Enterprise, actor: Actor = APPLICATION) -> Enterprise:
    """Create the Organization, or find the one that an earlier attempt left behind, and keep its id.

    Repeating is harmless and recovers from a crash at any point: our row with its `external_id` and the
    worker's task were committed before WorkOS was called. No transaction is open across the network. Raises
    gateway.Refused (the reason is kept in `attention`) or gateway.Unavailable.
    """
    known_reason = _begin_provisioning(enterprise)
    if enterprise.organization_id:
        return enterprise
    try:
        organization = _find_organization(enterprise) or _create_organization(enterprise)
    except gateway.Refused as refusal:
        _record_refusal(enterprise, str(refusal), known_reason, actor)
        # Another attempt, or the organization.created event, may have been faster.
        if enterprise.organization_id:
            return enterprise
        raise
    now = timezone.now()
    with transaction.atomic():
        adopt_organization(
            organization_id=organization.organization_id,
            external_id=str(enterprise.external_id),
            name=organization.name,
            as_of=now,
            actor=actor,
            now=now,
        )
        _mirror_domains(organization, now)
    enterprise.refresh_from_db()
    return enterprise


def run_provisioning(enterprise: Enterprise, task: Task, now: datetime) -> None:
    if not enterprise.deprovisioned_at:
        provision(enterprise)


def adopt_organization(
    *,
    organization_id: str,
    external_id: str,
    name: str = "",
    as_of: datetime,
    actor: Actor,
    now: datetime,
    action: Action = Action.PROVISIONED,
) -> bool:
    """Keep the id of an Organization that carries our `external_id`, once. True if it was not known.

    Called with WorkOS's response and with organization.created, so it completes what a crash interrupted.
    """
    ours = parse_external_id(external_id)
    if ours is None:
        return False
    with transaction.atomic():
        enterprise = Enterprise.objects.select_for_update(no_key=True).filter(external_id=ours).first()
        if enterprise is None or enterprise.organization_id:
            return False
        if enterprise.deprovisioned_at:
            # WorkOS created it while the enterprise was being deprovisioned; nothing else would delete it.
            queue.enqueue(TaskKind.DELETE_ORGANIZATION, enterprise.external_id)
            return False
        enterprise.organization, _ = Organization.objects.get_or_create(
            organization_id=organization_id, defaults={"name": name, "as_of": as_of}
        )
        enterprise.attention = ""
        enterprise.environment = gateway.get_environment()
        enterprise.save(update_fields=["organization", "attention", "environment"])
        queue.cancel_tasks(enterprise.external_id, kind=TaskKind.PROVISION)
        queue.enqueue(TaskKind.RUN_PROVISIONED_HOOK, enterprise.external_id)
        enqueue_it_contact_sync(enterprise)
        append_audit_entry(enterprise, action, actor, now, outcome=organization_id)
    return True


def find_known_organization_ids(organization_ids: Iterable[str]) -> set[str]:
    """Those of the ids that belong to an enterprise of ours."""
    return set(
        Organization.objects.filter(
            organization_id__in=list(organization_ids), enterprise__isnull=False
        ).values_list("organization_id", flat=True)
    )


def _begin_provisioning(enterprise: Enterprise) -> str:
    """Record that we call WorkOS. Returns why an earlier attempt was refused, or a blank."""
    now = timezone.now()
    with transaction.atomic():
        current = Enterprise.objects.select_for_update(no_key=True).get(pk=enterprise.pk)
        if current.deprovisioned_at:
            raise gateway.Refused(f"{current.name} was deprovisioned.")
        if not current.organization_id:
            Enterprise.objects.filter(pk=current.pk).update(
                attention="", provisioning_since=Coalesce("provisioning_since", now)
            )
            _ensure_provisioning(current, now)
    enterprise.refresh_from_db()
    require_same_environment(enterprise)
    return current.attention


def _ensure_provisioning(enterprise: Enterprise, now: datetime) -> None:
    queue.ensure(TaskKind.PROVISION, enterprise.external_id, due_at=now + FIRST_RETRY)


def _record_refusal(enterprise: Enterprise, reason: str, known_reason: str, actor: Actor) -> None:
    with transaction.atomic():
        unprovisioned = Enterprise.objects.filter(pk=enterprise.pk, organization=None, deprovisioned_at=None)
        # The worker retries; the audit log does not repeat the reason.
        if unprovisioned.update(attention=reason) and reason != known_reason:
            append_audit_entry(enterprise, Action.PROVISIONING_REFUSED, actor, timezone.now(), outcome=reason)
    enterprise.refresh_from_db()


def _find_organization(enterprise: Enterprise) -> gateway.Organization | None:
    found = gateway.find_organization_by_external_id(str(enterprise.external_id))
    if found and found.external_id != str(enterprise.external_id):
        raise gateway.Refused("WorkOS answered with another organization.")
    return found


def _create_organization(enterprise: Enterprise) -> gateway.Organization:
    try:
        return gateway.create_organization(
            name=enterprise.name,
            external_id=str(enterprise.external_id),
            domains=enterprise.requested_domains,
        )
    except gateway.Refused as refusal:
        # Another caller, or an earlier attempt of ours, was faster: its organization is ours.
        if refusal.code == "external_id_already_used" and (found := _find_organization(enterprise)):
            return found
        raise


def _mirror_domains(organization: gateway.Organization, now: datetime) -> None:
    kind = MIRRORED["organization_domain"]
    # The next reconcile reports those that cannot be stored.
    observations, _ = parse_each(
        [domain for domain in organization.domains if parse_time(domain.get("updated_at"))],
        lambda domain: kind.observe(domain, happened_at=now),
        name="domains",
    )
    record_consequences(upsert("organization_domain", observations).changes, APPLICATION, now)
