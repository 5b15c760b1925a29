"""Which of the mails that are not about security a person wants. They want all of them unless they say so."""

from collections.abc import Collection

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from enterprises.models import NotificationKind, NotificationOptOut


def wants_notification(user_id: int, kind: str) -> bool:
    """Whether the person wants mails of this `NotificationKind`; a blank kind is about security: always."""
    return not kind or not NotificationOptOut.objects.filter(user_id=user_id, kind=kind).exists()


def wanted_kinds(user: AbstractBaseUser) -> list[NotificationKind]:
    opted_out = set(NotificationOptOut.objects.filter(user_id=user.pk).values_list("kind", flat=True))
    return [kind for kind in NotificationKind if kind not in opted_out]


@transaction.atomic
def save_wanted_kinds(user: AbstractBaseUser, wanted: Collection[str]) -> None:
    """Repeating is harmless."""
    NotificationOptOut.objects.filter(user_id=user.pk, kind__in=list(wanted)).delete()
    NotificationOptOut.objects.bulk_create(
        [NotificationOptOut(user_id=user.pk, kind=kind) for kind in NotificationKind if kind not in wanted],
        ignore_conflicts=True,
    )
