"""Send mails: only in the worker, one mail to one person, each a task of its own.

Tasks hold no tokens: the worker generates the token when it sends the mail.
"""

import logging
import re
import smtplib
from datetime import datetime, timedelta

from django.core.mail import EmailMessage
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from enterprises.models import UndeliverableAddress
from outbox.handlers import TaskFailed

logger = logging.getLogger(__name__)

_KEPT = timedelta(days=90)
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def send_mail(address: str, subject: str, body: str) -> None:
    """Send one mail to one address. Called by a task.

    If the mail server refuses the address or the mail permanently (5xx), the refusal is kept in
    UndeliverableAddress and the task is complete, because a retry would not help. Otherwise, as for a
    temporary refusal (4xx), no answer or a failed login, it raises TaskFailed or what the mail backend
    raised, and the task is retried.
    """
    message = EmailMessage(fold_line(subject), body, to=[address])
    try:
        message.send()
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
