"""Reactions to the end of a person's access."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models.signals import post_save, pre_delete
from django.dispatch import receiver
from django.utils import timezone

from enterprises.models import Membership
from enterprises.signals import access_ended
from portal.link_revocation import enqueue_link_revocation
from portal.setup_links.listing import setup_links_sent_by, setup_links_without_right
from portal.setup_links.revoking import enqueue_setup_link_revocation


@receiver(access_ended, dispatch_uid="portal.access_ended")
def revoke_links_of_it_admin(membership: Membership, username: str, now: datetime, **kwargs: Any) -> None:
    """Members cannot launch the Admin Portal, so only an IT admin has links to revoke."""
    if not membership.is_it_admin:
        return
    enqueue_link_revocation(membership.enterprise, membership.user_id, username, now)
    links = setup_links_sent_by(membership.user_id, now)
    enqueue_setup_link_revocation(links.filter(enterprise=membership.enterprise))


# Staff send setup links without a membership, so access_ended is not sent when they lose that right.
@receiver(post_save, sender=settings.AUTH_USER_MODEL, dispatch_uid="portal.user_saved")
def revoke_setup_links_of_former_staff(
    instance: Any, created: bool = False, raw: bool = False, update_fields: Any = None, **kwargs: Any
) -> None:
    is_unrelated = update_fields is not None and {"is_staff", "is_active"}.isdisjoint(update_fields)
    if created or raw or is_unrelated or (instance.is_active and instance.is_staff):
        return
    enqueue_setup_link_revocation(setup_links_without_right(timezone.now()).filter(sent_by=instance))


@receiver(pre_delete, sender=settings.AUTH_USER_MODEL, dispatch_uid="portal.user_deleted")
def revoke_setup_links_of_deleted_user(instance: AbstractBaseUser, **kwargs: Any) -> None:
    enqueue_setup_link_revocation(setup_links_sent_by(instance.pk, timezone.now()))
