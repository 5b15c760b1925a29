"""Find setup links."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from enterprises.models import Enterprise, ITContact, ITContactPurpose, Membership
from portal.setup_links.models import SetupLink, SetupLinkQuerySet


def newest_setup_links(enterprise: Enterprise) -> SetupLinkQuerySet:
    """All setup links of the enterprise with their senders, newest first."""
    links: SetupLinkQuerySet = SetupLink.objects.filter(enterprise=enterprise)
    return links.select_related("sent_by").order_by("-requested_at")


def active_setup_links(enterprise: Enterprise, now: datetime) -> SetupLinkQuerySet:
    links: SetupLinkQuerySet = SetupLink.objects.active(now=now)
    return links.filter(enterprise=enterprise)


def setup_links_sent_by(user_id: int, now: datetime) -> SetupLinkQuerySet:
    """The active setup links that this person sent, for any enterprise."""
    links: SetupLinkQuerySet = SetupLink.objects.active(now=now)
    return links.filter(sent_by_id=user_id).select_related("enterprise")


def setup_links_without_right(now: datetime) -> SetupLinkQuerySet:
    """The active setup links whose senders could not send them today.

    The same rule as enterprises.access.get_access_for_setup: an active person who is staff, or an IT
    admin of the enterprise.
    """
    as_it_admin = Membership.objects.filter(
        enterprise=OuterRef("enterprise"), user=OuterRef("sent_by"), role=Membership.Role.IT_ADMIN
    )
    links: SetupLinkQuerySet = SetupLink.objects.active(now=now)
    return links.filter(
        Q(sent_by=None) | Q(sent_by__is_active=False) | (Q(sent_by__is_staff=False) & ~Exists(as_it_admin))
    ).select_related("enterprise")


def contacts_of_ended_links(now: datetime) -> QuerySet[ITContact]:
    """The IT contacts that were created for setup links that have all ended."""
    active = SetupLink.objects.active(now=now).filter(
        enterprise=OuterRef("enterprise"), email=OuterRef("email")
    )
    return ITContact.objects.filter(
        ~Exists(active), purpose=ITContactPurpose.SETUP_LINK, ended_at=None
    ).select_related("enterprise")
