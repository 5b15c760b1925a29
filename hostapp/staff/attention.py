"""What of a customer needs attention, as conditions that the database checks for many customers at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.db.models import Exists, OuterRef, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from enterprises.models import Enterprise
from enterprises.models.customers import EnterpriseQuerySet
from mirror.models import Certificate, Connection, Directory, OrganizationDomain
from outbox.models import Task
from portal.models import PortalSession
from webhooks.models import EVENT_ORGANIZATION_ID, WebhookEvent

# A refused launch is shown this long, unless a later one succeeds.
_REFUSED_SHOWN_FOR = timedelta(days=7)
_PREFIX = "needs_"

_Condition = Q | Exists


@dataclass(frozen=True)
class Reason:
    """Why a customer needs attention. `place` is the id of the element that says more on its page."""

    name: str
    label: str | Promise
    place: str


REASONS = (
    Reason("provisioning", _("Provisioning refused"), "provisioning"),
    Reason("removal", _("Removed in WorkOS"), "provisioning"),
    Reason("sso", _("Single sign-on is off"), "sso"),
    Reason("certificate", _("Certificate must be renewed"), "sso"),
    Reason("directory", _("Directory sync has stopped"), "dsync"),
    Reason("domain", _("Domain verification failed"), "domain_verification"),
    Reason("launch", _("Admin Portal didn’t open"), "failures"),
    Reason("events", _("Events are failing"), "events"),
    Reason("tasks", _("Outbox tasks are failing"), "tasks"),
)


def annotate_reasons(customers: EnterpriseQuerySet, now: datetime) -> EnterpriseQuerySet:
    """With a column for each reason, which `list_reasons` reads."""
    annotations = {f"{_PREFIX}{name}": condition for name, condition in _build_conditions(now).items()}
    annotated: EnterpriseQuerySet = customers.annotate(**annotations)
    return annotated


def list_reasons(customer: Enterprise) -> list[Reason]:
    """The reasons that hold for a customer of `annotate_reasons`."""
    return [reason for reason in REASONS if getattr(customer, f"{_PREFIX}{reason.name}")]


def filter_needing_attention(customers: EnterpriseQuerySet, now: datetime) -> EnterpriseQuerySet:
    conditions: Iterable[Q] = (Q(one) for one in _build_conditions(now).values())
    return customers.filter(reduce(or_, conditions))


def _build_conditions(now: datetime) -> dict[str, _Condition]:
    is_used = Q(deprovisioned_at=None)
    own = {"organization": OuterRef("organization")}
    connections = Connection.objects.filter(**own)
    states = Connection.State
    with_certificate = Connection.objects.filter(
        connection_id=OuterRef("connection_id"),
        organization=OuterRef("organization"),
        state__in=(states.ACTIVE, states.INACTIVE, states.VALIDATING),
    )
    sessions = PortalSession.objects.filter(launched_at__gt=now - _REFUSED_SHOWN_FOR)
    opened_later = PortalSession.objects.filter(
        enterprise=OuterRef("enterprise"),
        intent=OuterRef("intent"),
        launched_at__gt=OuterRef("launched_at"),
        outcome=PortalSession.Outcome.OPENED,
    )
    return {
        "provisioning": is_used & Q(organization=None) & ~Q(attention=""),
        "removal": is_used & Q(organization__deleted_at__isnull=False),
        "sso": Q(Exists(connections.filter(state=states.INACTIVE)))
        & Q(~Exists(connections.filter(state=states.ACTIVE))),
        "certificate": Exists(
            Certificate.objects.filter(
                Exists(with_certificate), **own, state=Certificate.State.RENEWAL_REQUIRED
            )
        ),
        "directory": Exists(
            Directory.objects.filter(
                **own, state__in=(Directory.State.INACTIVE, Directory.State.INVALID_CREDENTIALS)
            )
        ),
        "domain": Exists(OrganizationDomain.objects.filter(**own, state=OrganizationDomain.State.FAILED)),
        "launch": is_used
        & Q(
            Exists(
                sessions.filter(
                    ~Exists(opened_later), enterprise=OuterRef("pk"), outcome=PortalSession.Outcome.REFUSED
                )
            )
        ),
        "events": Exists(
            WebhookEvent.objects.alias(of=EVENT_ORGANIZATION_ID).filter(
                of=OuterRef("organization_id"), status=WebhookEvent.Status.FAILED
            )
        ),
        "tasks": Exists(Task.objects.filter(~Q(error=""), subject=OuterRef("external_id"))),
    }
