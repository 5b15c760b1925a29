"""Tell a person by email that their password was changed, by themselves or by an administrator."""

from datetime import datetime

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.urls import reverse
from django.utils.translation import gettext as _

from audit.actor import Actor
from enterprises import conf
from enterprises.mail import Mail, build_facts, build_subject, send_mail
from outbox import queue
from outbox.models import Task

SEND_PASSWORD_NOTICE = "send_password_notice"  # noqa: S105 - the kind of the task


def enqueue_password_notice(user: AbstractBaseUser, actor: Actor, now: datetime) -> None:
    """Call this in the transaction of the change. The address of staff is not shown."""
    names = {"email": user.get_username(), "product": conf.product_name()}
    mail = Mail(
        subject=build_subject(_("A new password was set"), conf.product_name()),
        heading=_("A new password was set"),
        paragraphs=[
            _("A new password was set for %(email)s on %(product)s. All other sessions were signed out.")
            % names,
            _("If you weren't expecting this, reset your password now and contact support."),
        ],
        facts=build_facts(actor, now, shows_ip=actor.user_id == user.pk),
        button=_("Reset password"),
        url=f"{conf.site_url()}{reverse('password_reset')}",
        reason=_("You have an account on %(product)s.") % names,
    )
    queue.enqueue(
        SEND_PASSWORD_NOTICE,
        queue.NO_SUBJECT,
        key=f"{user.pk} {now.isoformat()}",
        arguments={"user_id": user.pk, "mail": mail.as_arguments()},
    )


def send_password_notice(task: Task, now: datetime) -> None:
    user = get_user_model().objects.filter(pk=task.arguments["user_id"]).first()
    if user is not None:
        send_mail(user.get_username(), Mail.from_arguments(task.arguments["mail"]))
