"""Send mails: only in the worker, one mail to one person, each a task of its own.

A `Mail` is what a mail says. `templates/enterprises/mail/base.html` and `base.txt` show it, so every mail has
the same parts in the same order. Tasks hold no tokens: the worker generates the token when it sends the mail.
"""

import logging
import re
import smtplib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.mail import EmailMultiAlternatives, get_connection
from django.db.models import OuterRef, Subquery
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.dateformat import format as format_date_parts
from django.utils.translation import gettext as _

from audit.actor import COMMAND_LINE, Actor
from enterprises import conf
from enterprises.models import Enterprise, UndeliverableAddress
from outbox.handlers import TaskFailed

logger = logging.getLogger(__name__)

_KEPT = timedelta(days=90)
_shared_connection: ContextVar[Any] = ContextVar("shared connection to the mail server", default=None)
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True)
class Mail:
    """What a mail says, in plain text: `asdict` of it is JSON, for the arguments of a task.

    `subject`: what happened, then whose it is; see `build_subject`. `heading`: the same as a sentence.
    `facts`: pairs of a label and a value. `button` and `url`: the one thing to do. `reason`: why the person
    receives it. `is_optional`: whether people can turn such mails off; None for a mail that the person asked
    for or that invites them, which says nothing about it.
    """

    subject: str
    heading: str
    button: str
    url: str
    reason: str
    paragraphs: Sequence[str] = ()
    facts: Sequence[Sequence[str]] = ()
    is_optional: bool | None = None

    def as_arguments(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> "Mail":
        return cls(**arguments)


def build_subject(what: str, whose: str) -> str:
    """`Single sign-on was turned off · Acme Inc.`"""
    return f"{what} · {whose}"


def build_enterprise_url(enterprise: Enterprise) -> str:
    return f"{conf.site_url()}{enterprise.get_absolute_url()}"


def build_facts(actor: Actor | None, at: datetime, *, shows_ip: bool = True) -> list[tuple[str, str]]:
    """Who did it, when, and from where, as far as it is known."""
    facts = []
    if actor and (name := describe_actor(actor)):
        facts.append((_("Done by"), name))
    facts.append((_("When"), format_time(at)))
    if actor and actor.client_ip and shows_ip:
        facts.append((_("IP address"), actor.client_ip))
    return facts


def describe_actor(actor: Actor) -> str:
    """`Ada Adeyemi <ada@acme.example>`, or our support; blank if nobody knows who it was."""
    if actor.user_id is not None:
        return actor.name
    if actor == COMMAND_LINE:
        return _("%(product)s support") % {"product": conf.product_name()}
    return ""


def format_time(at: datetime) -> str:
    """In UTC: a mail cannot find out the reader's time zone. The month is translated."""
    return f"{format_date_parts(at.astimezone(UTC), 'j F Y, H:i')} UTC"


def render_text(mail: Mail) -> str:
    return render_to_string("enterprises/mail/base.txt", _build_context(mail)).strip() + "\n"


def render_html(mail: Mail) -> str:
    return render_to_string("enterprises/mail/base.html", _build_context(mail))


def _build_context(mail: Mail) -> dict[str, Any]:
    path = reverse("enterprises:notification_preferences")
    return {
        # Names in them come from people and from WorkOS: a line break would add a line to the text.
        "subject": fold_line(mail.subject),
        "heading": fold_line(mail.heading),
        "paragraphs": [fold_line(paragraph) for paragraph in mail.paragraphs],
        "facts": [(label, fold_line(value)) for label, value in mail.facts],
        "button": fold_line(mail.button),
        "url": mail.url,
        # Those who copy it need the email address alone.
        "shown_url": mail.url.removeprefix("mailto:"),
        "reason": fold_line(mail.reason),
        "is_optional": mail.is_optional,
        "preferences_url": f"{conf.site_url()}{path}",
        "product": conf.product_name(),
        "mark": conf.product_name()[:1].upper(),
        "accent": conf.product_accent(),
        "accent_ink": find_readable_ink(conf.product_accent()),
        "support_email": conf.support_email(),
    }


def find_readable_ink(color: str) -> str:
    """Black or white: what has the higher contrast on `color`, such as `#2b50c8`."""
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # Here the contrast with white, 1.05 / (L + 0.05), equals that with black, (L + 0.05) / 0.05.
    return "#ffffff" if luminance < 0.1791 else "#000000"


def send_mail(address: str, mail: Mail) -> None:
    """Send one mail to one address. Called by a task.

    If the mail server refuses the address or the mail permanently (5xx), the refusal is kept in
    UndeliverableAddress and the task is complete, because a retry would not help. Otherwise, as for a
    temporary refusal (4xx), no answer or a failed login, it raises TaskFailed or what the mail backend
    raised, and the task is retried.
    """
    message = EmailMultiAlternatives(
        fold_line(mail.subject),
        render_text(mail),
        to=[address],
        # Out-of-office replies are not sent to it.
        headers={"Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(render_html(mail), "text/html")
    try:
        _deliver(message)
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()), (0, b""))
        _handle_refusal(address, code, text, error)
    except smtplib.SMTPDataError as error:
        _handle_refusal(address, error.smtp_code, error.smtp_error, error)
    except smtplib.SMTPResponseException as error:
        # The server refused our own sender or login, which says nothing about this address.
        raise TaskFailed(_describe(error.smtp_code, error.smtp_error)) from error
    except (smtplib.SMTPException, OSError) as error:
        # smtplib turns a time-out into SMTPServerDisconnected.
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            raise TaskFailed("The mail server does not answer.") from error
        raise TaskFailed(f"The mail server cannot be reached: {type(error).__name__}.") from error
    else:
        UndeliverableAddress.objects.filter(email=address.lower()).delete()


@contextmanager
def share_connection() -> Iterator[None]:
    """Send the mails of this thread through one connection to the mail server, until the end of the block."""
    connection = get_connection()
    token = _shared_connection.set(connection)
    try:
        yield
    finally:
        _shared_connection.reset(token)
        _close(connection)


def _deliver(message: EmailMultiAlternatives) -> None:
    connection = _shared_connection.get()
    if connection is None:
        message.send()
        return
    is_used = False
    try:
        # SMTP's is opened by the first mail, and by the one after a mail that failed.
        is_used = not connection.open()
        message.connection = connection
        message.send()
    except BaseException as error:
        _close(connection)
        # Servers end a connection after some mails: that is no failure of the next one.
        if not (is_used and _has_ended_connection(error)):
            raise
        connection.open()
        message.send()


def _has_ended_connection(error: BaseException) -> bool:
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return not isinstance(error.__context__, TimeoutError)
    return isinstance(error, smtplib.SMTPResponseException) and error.smtp_code == 421


def _close(connection: Any) -> None:
    # A server that is gone, or refuses our farewell, has accepted what was sent before.
    with suppress(smtplib.SMTPException, OSError):
        connection.close()


def find_refusal(email: str) -> Subquery:
    """For `annotate`: why mail to the address in the field `email` was refused, or null."""
    return Subquery(UndeliverableAddress.objects.filter(email=OuterRef(email)).values("reason")[:1])


def prune_undeliverable_addresses(now: datetime) -> int:
    """Delete refusals that are three months old; a periodic job. Returns how many it deleted."""
    return UndeliverableAddress.objects.filter(refused_at__lt=now - _KEPT).delete()[0]


def fold_line(text: str) -> str:
    """The text on one line, without control characters."""
    return _CONTROL_CHARACTERS.sub(" ", text).strip()


def _handle_refusal(address: str, code: int, text: bytes | str, error: smtplib.SMTPException) -> None:
    reason = _describe(code, text)
    if not 500 <= code < 600:
        raise TaskFailed(reason) from error
    logger.warning("A mail was refused for good (%s)", code)
    UndeliverableAddress.objects.update_or_create(
        email=address.lower(), defaults={"reason": reason, "refused_at": timezone.now()}
    )


def _describe(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return fold_line(f"The mail server said: {code} {words}")[:200]


def try_mail_server(*, seconds: float) -> str:
    """Sign in at the mail server and send nothing. Returns the name of its error, or a blank."""
    backend = get_connection(timeout=seconds)
    try:
        backend.open()
    except (OSError, smtplib.SMTPException) as error:
        return type(error).__name__
    finally:
        backend.close()
    return ""
