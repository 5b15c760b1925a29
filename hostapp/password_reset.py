"""Request a link to reset a password: the worker looks up the person and mails it.

The request does the same for every address, known or not, so neither its text nor its time reveals who has an
account.
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
from enterprises.rate_limits import RateLimited, count_action, describe_minutes, hash_for_key
from hostapp.sign_in import find_network
from outbox import queue
from outbox.models import Task

SEND_PASSWORD_RESET = "send_password_reset"  # noqa: S105 - the kind of the task

WINDOW = timedelta(hours=1)
MAX_PER_ADDRESS = 3
# Many people may share one network, such as an office behind a router.
MAX_PER_NETWORK = 20


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
    """Have the worker mail a link to the person with this address, if there is one.

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
    """Mail the link. Nothing is mailed to people who cannot sign in with a password."""
    user: Any = get_user_model().objects.filter(email=task.arguments["email"], is_active=True).first()
    if user is None or not user.has_usable_password():
        return
    path = reverse(
        "password_reset_confirm",
        args=[urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)],
    )
    names = {"product": conf.product_name(), "email": user.get_username()}
    facts = [(_("When"), format_time(datetime.fromisoformat(task.arguments["requested_at"])))]
    if client_ip := task.arguments["client_ip"]:
        facts.append((_("IP address"), client_ip))
    mail = Mail(
        subject=build_subject(_("Reset your password"), conf.product_name()),
        heading=_("Reset your password"),
        paragraphs=[
            _("Someone asked to reset the password of %(email)s on %(product)s.") % names,
            _("The link works once and for three days. If it wasn't you, you can ignore this email."),
        ],
        facts=facts,
        button=_("Set a new password"),
        # Django would take the host from the request.
        url=f"{conf.site_url()}{path}",
        reason=_("Someone entered your email address on the page “Reset password” of %(product)s.") % names,
    )
    send_mail(user.get_username(), mail)
