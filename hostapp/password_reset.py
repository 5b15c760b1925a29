"""Request a link to reset a password: the worker looks up the person and mails it.

The request does the same for every address, known or not, so neither its text nor its time reveals who has an
account. The mail does: it goes to the address, and says what happened in each case.
"""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.tokens import default_token_generator
from django.contrib.auth.views import PasswordResetView
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from audit.actor import get_client_ip
from enterprises import conf
from enterprises.email_addresses import normalize_email
from enterprises.mail import Mail, build_subject, format_time, send_mail
from enterprises.rate_limits import RateLimited, count_action, describe_minutes, hash_for_key, was_counted
from hostapp.sign_in import find_network
from outbox import queue
from outbox.models import Task

SEND_PASSWORD_RESET = "send_password_reset"  # noqa: S105 - the kind of the task

WINDOW = timedelta(hours=1)
MAX_PER_ADDRESS = 3
# Many people may share one network, such as an office behind a router.
MAX_PER_NETWORK = 20
_STRANGER_WINDOW = timedelta(days=1)


class RequestPasswordResetView(PasswordResetView):
    form_class = PasswordResetForm

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            request_password_reset(
                form.cleaned_data["email"], get_client_ip(self.request), now=timezone.now()
            )
        except RateLimited as refusal:
            form.add_error(None, str(refusal))
            return self.render_to_response(self.get_context_data(form=form), status=429)
        return redirect("password_reset_done")


@transaction.atomic
def request_password_reset(email: str, client_ip: str | None, *, now: datetime) -> None:
    """Have the worker mail a link to the person with this address, or that there is no such person.

    At most MAX_PER_ADDRESS an hour; the rest is dropped silently, because a message would reveal how often
    the person asked. Raises RateLimited for too many requests from one network, whatever the addresses.
    """
    email = normalize_email(email)
    if network := find_network(client_ip):
        minutes = count_action(
            f"password reset from {network}", limit=MAX_PER_NETWORK, window=WINDOW, now=now
        )
        if minutes:
            raise RateLimited(
                _("Too many password resets from your network. Try again in %(minutes)s.")
                % {"minutes": describe_minutes(minutes)}
            )
    digest = hash_for_key(email)
    if not count_action(f"password reset of {digest}", limit=MAX_PER_ADDRESS, window=WINDOW, now=now):
        queue.enqueue(
            SEND_PASSWORD_RESET,
            queue.NO_SUBJECT,
            key=digest,
            arguments={"email": email, "client_ip": client_ip, "requested_at": now.isoformat()},
        )


def send_password_reset(task: Task, now: datetime) -> None:
    """Mail the link, or why there is none: only who reads the mailbox learns which."""
    email = task.arguments["email"]
    user: Any = get_user_model().objects.filter(email=email).first()
    if user is None:
        _explain_to_stranger(task, now)
    elif user.is_active and _may_set_password(user):
        send_mail(email, _build_link(task, user))
    else:
        cause = (
            _("This account can't use a password, so none was changed.")
            if user.is_active
            else _("This account is deactivated, so no password was changed.")
        )
        support = f"mailto:{conf.support_email()}"
        send_mail(email, _build_refusal(task, cause, button=_("Contact support"), url=support))


def _explain_to_stranger(task: Task, now: datetime) -> None:
    """Mail that the address has no account, once a day: anyone can enter a stranger's."""
    key = f"no account {task.key}"
    if was_counted(key, window=_STRANGER_WINDOW, now=now):
        return
    cause = _(
        "There's no account with this email, so no password was changed. If you have an account, it has "
        "another email. If you were invited, open the link in the invitation to create one."
    )
    url = f"{conf.site_url()}{reverse('password_reset')}"
    send_mail(task.arguments["email"], _build_refusal(task, cause, button=_("Try another email"), url=url))
    # After the mail: if that fails, the task is retried.
    count_action(key, limit=1, window=_STRANGER_WINDOW, now=now)


def _may_set_password(user: Any) -> bool:
    """Who has one, and who was given access and has not set one yet. Staff may have taken it from others."""
    return bool(user.has_usable_password() or user.last_login is None)


def _build_link(task: Task, user: Any) -> Mail:
    path = reverse(
        "password_reset_confirm",
        args=[urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)],
    )
    return _build_mail(
        task,
        what=_("Reset your password"),
        paragraphs=[
            _("The link works once and for three days. If it wasn't you, you can ignore this email.")
        ],
        button=_("Set a new password"),
        # Django would take the host from the request.
        url=f"{conf.site_url()}{path}",
    )


def _build_refusal(task: Task, cause: str, *, button: str, url: str) -> Mail:
    paragraphs = [cause, _("If it wasn't you, you can ignore this email.")]
    return _build_mail(task, what=_("No password was changed"), paragraphs=paragraphs, button=button, url=url)


def _build_mail(task: Task, *, what: str, paragraphs: list[str], button: str, url: str) -> Mail:
    names = {"product": conf.product_name(), "email": task.arguments["email"]}
    facts = [(_("When"), format_time(datetime.fromisoformat(task.arguments["requested_at"])))]
    if client_ip := task.arguments["client_ip"]:
        facts.append((_("IP address"), client_ip))
    asked = _("Someone asked to reset the password of %(email)s on %(product)s.") % names
    return Mail(
        subject=build_subject(what, conf.product_name()),
        heading=what,
        paragraphs=[asked, *paragraphs],
        facts=facts,
        button=button,
        url=url,
        reason=_("Someone entered your email address on the page “Reset your password” of %(product)s.")
        % names,
    )
