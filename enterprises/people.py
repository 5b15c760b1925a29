"""Put people into an enterprise."""

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import make_password
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from enterprises.models import Enterprise, Membership


def make_it_admin(enterprise: Enterprise, email: str) -> Membership:
    """Give the person with this address the IT admin's role. Repeating is harmless.

    Someone without a usable password gets a mail with a link to set one; again each time, until they have.
    """
    with transaction.atomic():
        user, _ = get_user_model().objects.get_or_create(
            email=email.strip().lower(), defaults={"password": make_password(None)}
        )
        membership, _ = Membership.objects.update_or_create(
            enterprise=enterprise, user=user, defaults={"role": Membership.Role.IT_ADMIN}
        )
    if not user.has_usable_password():
        _send_password_link(user, enterprise)
    return membership


def _send_password_link(user: AbstractBaseUser, enterprise: Enterprise) -> None:
    path = reverse(
        "password_reset_confirm",
        args=[urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)],
    )
    context = {"enterprise": enterprise, "link": f"{settings.SITE_URL}{path}"}
    send_mail(
        f"You are an IT admin of {enterprise.name}",
        render_to_string("enterprises/mail/set_password.txt", context),
        None,
        [user.get_username()],
    )
