"""The people who sign in."""

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.fields import OneLineCharField
from enterprises.email_addresses import normalize_email
from hostapp.triggers import SessionsEndWithDeactivation

if TYPE_CHECKING:
    EmailField = models.EmailField[str, str]
else:
    EmailField = models.EmailField


class NormalizedEmailField(EmailField):
    """An e-mail address stored and looked up in one spelling, so that Ada@ and ada@ are one person."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return normalize_email(value) if isinstance(value, str) else value

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return normalize_email(value) if isinstance(value, str) else value


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A user who signs in with `email`. Without a password they set one through a mailed link."""
        user = self.model(email=normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    email = NormalizedEmailField(_("email"), unique=True)
    name = OneLineCharField(_("name"), max_length=150, blank=True)
    # A name of the IANA database, such as Europe/Berlin. Blank: the time zone of the browser.
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Clear this instead of deleting the person: they can no longer sign in."),
    )
    is_staff = models.BooleanField(
        _("staff"),
        default=False,
        help_text=_("Can open the staff pages and the admin, within their rights."),
    )
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    # Part of each session's hash. A trigger adds 1 whenever the person is deactivated, so that
    # older sessions do not work again after a reactivation. Saving another number has no effect.
    session_generation = models.PositiveIntegerField(default=0, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_is_lowercase"),
            SessionsEndWithDeactivation(name="user_deactivation_ends_sessions"),
        ]

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return str(self.name).split(" ")[0] or str(self.email)

    def get_session_auth_hash(self) -> str:
        return self._add_generation(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        yield from map(self._add_generation, super().get_session_auth_fallback_hash())

    def _add_generation(self, session_hash: str) -> str:
        return f"{session_hash}:{self.session_generation}"


class Session(AbstractBaseSession):
    """A browser's session: Django's columns, and whose it is. `hostapp.sessions` fills it."""

    # None: nobody is signed in. A session can hold the token of an invitation.
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, db_index=False)
    signed_in_at = models.DateTimeField(null=True)
    # A few minutes old: see sessions.LAST_USED_INTERVAL.
    last_used_at = models.DateTimeField(default=timezone.now)
    # Of the last use.
    client_ip = models.GenericIPAddressField("IP address", null=True)
    user_agent = models.CharField(max_length=400, blank=True)

    class Meta(AbstractBaseSession.Meta):  # type: ignore[name-defined,misc]
        indexes = [
            # Serves sessions.list_sessions and the cascade of a deleted user.
            models.Index(fields=["user"], name="session_by_user"),
        ]

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        store: type[SessionBase] = import_module(settings.SESSION_ENGINE).SessionStore
        return store


class SignInAttempt(models.Model):
    """A sign-in that failed or is under way. `hostapp.sign_in` counts them; deleting them lifts the limit."""

    email = models.CharField(max_length=254)
    # What it came from: an IPv4 address, an IPv6 network, or `browser …` for a known one; blank if unknown.
    source = models.CharField(max_length=45, blank=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "sign-in attempts"
        indexes = [
            # Serves sign_in.is_rate_limited, for an account.
            models.Index(fields=["email", "source", "at"], name="sign_in_attempt_by_account"),
            # Serves sign_in.is_rate_limited, for all accounts from one source.
            models.Index(fields=["source", "at"], name="sign_in_attempt_by_source"),
            # Serves the deletion of old attempts.
            models.Index(fields=["at"], name="sign_in_attempt_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.email} from {self.source or 'an unknown address'}"


class ConfirmedStep(models.Model):
    """A step in WorkOS's Dashboard that no API can check, and the person who has seen to it."""

    step = models.CharField(max_length=40, primary_key=True)
    confirmed_by = OneLineCharField(max_length=150)
    confirmed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.step
