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
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from audit.actor import get_client_ip
from enterprises import conf
from enterprises.email_addresses import normalize_email
from enterprises.mail import send_mail
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
        queue.enqueue(SEND_PASSWORD_RESET, queue.NO_SUBJECT, key=digest, arguments={"email": email})


def send_password_reset(task: Task, now: datetime) -> None:
    """Mail the link. Nothing is mailed to people who cannot sign in with a password."""
    user: Any = get_user_model().objects.filter(email=task.arguments["email"], is_active=True).first()
    if user is None or not user.has_usable_password():
        return
    context = {
        "user": user,
        # Django would take the host from the request.
        "site_url": conf.site_url(),
        "uid": urlsafe_base64_encode(force_bytes(user.pk)),
        "token": default_token_generator.make_token(user),
    }
    send_mail(
        user.get_username(),
        render_to_string("registration/password_reset_subject.txt", context),
        render_to_string("registration/password_reset_email.html", context),
    )
