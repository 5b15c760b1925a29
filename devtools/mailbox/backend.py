"""The mail backend of development."""

from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from devtools.mailbox.files import save_mail


class EmailBackend(BaseEmailBackend):
    """Keeps mails in the folder DEV_MAILBOX."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            save_mail(Path(settings.DEV_MAILBOX), message.message().as_bytes())
        return len(email_messages)
