"""Mails to the IT admins about changes that they must not miss.

A notification is a task, enqueued with the change. The worker splits it into one task for each recipient, so
that a refused address or a retry concerns one person only. A `Notification` row keeps it from being sent
twice. Who made a change at WorkOS is not said: its events do not tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from enterprises import access, conf, preferences
from enterprises.mail import Mail, build_enterprise_url, build_subject, send_mail
from enterprises.models import Enterprise
from enterprises.tasks import TaskKind
from outbox import queue
from outbox.models import Task
from outbox.queue import NewTask


@dataclass(frozen=True)
class Notice:
    """One mail for each IT admin of an enterprise, but the excluded one. `about` names the change."""

    enterprise: Enterprise
    about: str
    mail: Mail
    due_at: datetime
    # A NotificationKind if people can turn it off.
    preference: str = ""
    excluded_user_id: int | None = None


def notify(enterprise: Enterprise, task: Task, now: datetime) -> None:
    arguments = task.arguments
    notice = Notice(
        enterprise,
        arguments["about"],
        Mail.from_arguments(arguments["mail"]),
        due_at=task.due_at,
        excluded_user_id=arguments["excluded_user_id"],
    )
    enqueue_mails([notice])


def enqueue_notification(
    enterprise: Enterprise, mail: Mail, *, about: str, excluded_user_id: int | None = None
) -> None:
    """Mail the IT admins, whatever their preferences. Call this in the transaction of the change.

    `about` names the change: each is mailed once. `mail` holds no secrets: staff see the task.
    """
    queue.enqueue(
        TaskKind.NOTIFY,
        enterprise.external_id,
        key=about,
        arguments={
            "about": about,
            "mail": mail.as_arguments(),
            "excluded_user_id": excluded_user_id,
        },
    )


def build_it_admin_mail(
    enterprise: Enterprise, *, subject: str, heading: str, button: str, url: str = "", **parts: Any
) -> Mail:
    """A mail to the IT admins that cannot be turned off. `url`: the enterprise's page by default."""
    return Mail(
        subject=build_subject(subject, enterprise.name),
        heading=heading,
        button=button,
        url=url or build_enterprise_url(enterprise),
        reason=explain_it_admin(enterprise),
        **{"is_optional": False, **parts},
    )


def explain_it_admin(enterprise: Enterprise) -> str:
    return _("You're an IT admin of %(enterprise)s on %(product)s.") % {
        "enterprise": enterprise.name,
        "product": conf.product_name(),
    }


@transaction.atomic
def enqueue_mails(notices: Sequence[Notice]) -> None:
    """Enqueue the mails of notices: one for each IT admin, once for each enterprise and `about`."""
    # In one order everywhere, so that two workers cannot deadlock.
    notices = sorted(notices, key=lambda notice: (notice.enterprise.pk, notice.about))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO enterprises_notification (enterprise_id, about, sent_at)"
            " SELECT enterprise_id, about, %s"
            " FROM unnest(%s::bigint[], %s::text[]) AS new (enterprise_id, about)"
            " ON CONFLICT (enterprise_id, about) DO NOTHING RETURNING enterprise_id, about",
            [
                timezone.now(),
                [notice.enterprise.pk for notice in notices],
                [notice.about for notice in notices],
            ],
        )
        new = set(cursor.fetchall())
    wanted = {(notice.enterprise.pk, notice.about): notice for notice in notices}
    user_ids = access.it_admin_ids_of({enterprise_id for enterprise_id, _about in new})
    queue.enqueue_all(
        build_it_admin_task(
            notice.enterprise,
            user_id,
            notice.mail,
            about=notice.about,
            preference=notice.preference,
            due_at=notice.due_at,
        )
        for key, notice in wanted.items()
        if key in new
        for user_id in user_ids[notice.enterprise.pk]
        if user_id != notice.excluded_user_id
    )


def build_it_admin_task(
    enterprise: Enterprise,
    user_id: int,
    mail: Mail,
    *,
    about: str,
    preference: str = "",
    due_at: datetime | None = None,
) -> NewTask:
    """The task that mails one IT admin, if they want mails of this kind when it runs."""
    return NewTask(
        TaskKind.SEND_NOTIFICATION,
        enterprise.external_id,
        key=f"{user_id} {about}",
        arguments={"user_id": user_id, "preference": preference, "mail": mail.as_arguments()},
        due_at=due_at,
    )


def send_notification(enterprise: Enterprise, task: Task, now: datetime) -> None:
    """Mail one IT admin, unless they are no longer one, or have turned such mails off."""
    user_id = task.arguments["user_id"]
    person = next((one for one in access.it_admins_of(enterprise) if one.pk == user_id), None)
    if person is None or not preferences.wants_notification(user_id, task.arguments["preference"]):
        return
    send_mail(person.get_username(), Mail.from_arguments(task.arguments["mail"]))


def send_to_address(enterprise: Enterprise, task: Task, now: datetime) -> None:
    """Mail a person who may have lost their access or their account: to the address that they had."""
    send_mail(task.arguments["email"], Mail.from_arguments(task.arguments["mail"]))
