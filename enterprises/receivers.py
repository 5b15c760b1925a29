"""Reactions to saved and deleted rows, and to `access_ended`."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Model, ProtectedError
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
from django.dispatch import receiver
from django.utils import timezone

from audit.actor import Actor
from enterprises import access_grants, invitations
from enterprises.it_contacts import enqueue_it_contact_sync
from enterprises.models import AccessGrant, Enterprise, Membership, Role
from enterprises.signals import access_ended
from outbox.models import Task


@receiver(pre_save, sender=Membership, dispatch_uid="enterprises.membership_saving")
def announce_demotion(instance: Membership, raw: bool = False, **kwargs: Any) -> None:
    if raw or instance.pk is None or instance.is_it_admin:
        return
    before = (
        Membership.objects.filter(pk=instance.pk, role=Role.IT_ADMIN).select_related("enterprise").first()
    )
    if before:
        access_grants.announce_unattributed_access_ended(
            before,
            remaining_role=instance.role,
            username=instance.user.get_username(),
            now=timezone.now(),
        )


@receiver(post_save, sender=Membership, dispatch_uid="enterprises.membership_saved")
def update_grant(instance: Membership, raw: bool = False, **kwargs: Any) -> None:
    if not raw and instance.user.is_active:
        access_grants.record_grant(instance, username=instance.user.get_username())


@receiver(pre_delete, sender=Membership, dispatch_uid="enterprises.membership_deleting")
def announce_membership_deletion(instance: Membership, **kwargs: Any) -> None:
    # Before the deletion: a cascade takes the user with it.
    access_grants.announce_unattributed_access_ended(
        instance, remaining_role="", username=instance.user.get_username(), now=timezone.now()
    )


@receiver(post_delete, sender=Membership, dispatch_uid="enterprises.membership_deleted")
def delete_grant(instance: Membership, **kwargs: Any) -> None:
    AccessGrant.objects.filter(enterprise=instance.enterprise_id, user_id=instance.user_id).delete()


@receiver(post_save, sender=settings.AUTH_USER_MODEL, dispatch_uid="enterprises.user_saved")
def update_grants_of_user(
    instance: Any, created: bool = False, raw: bool = False, update_fields: Any = None, **kwargs: Any
) -> None:
    if created or raw or (update_fields is not None and "is_active" not in update_fields):
        return
    for membership in Membership.objects.filter(user=instance.pk).select_related("enterprise"):
        if instance.is_active:
            access_grants.record_grant(membership, username=instance.get_username())
        else:
            access_grants.announce_unattributed_access_ended(
                membership, remaining_role="", username=instance.get_username(), now=timezone.now()
            )


@receiver(access_ended, dispatch_uid="enterprises.access_ended")
def revoke_sent_invitations(membership: Membership, actor: Actor, now: datetime, **kwargs: Any) -> None:
    """An invitation is worth as much as the access of the IT admin who sent it."""
    if membership.role == Role.IT_ADMIN:
        invitations.revoke_invitations_sent_by(membership.enterprise, membership.user_id, actor, now)


@receiver(access_ended, dispatch_uid="enterprises.it_contact_ended")
def end_alerts_of_it_admin(membership: Membership, **kwargs: Any) -> None:
    if membership.is_it_admin:
        enqueue_it_contact_sync(membership.enterprise)


@receiver(pre_delete, sender=Enterprise, dispatch_uid="enterprises.enterprise_deleting")
def refuse_to_delete_with_waiting_tasks(instance: Enterprise, **kwargs: Any) -> None:
    tasks: set[Model] = set(Task.objects.filter(subject=instance.external_id))
    if tasks:
        raise ProtectedError(
            f"{instance.name} has {len(tasks)} waiting outbox tasks. Deprovision it, let the worker run "
            "them, then delete it.",
            tasks,
        )
