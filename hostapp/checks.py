"""Checks of `manage.py check --deploy`: what works in development and fails in production."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core import checks

_MAIL_IS_NOT_SENT = ("console", "dummy", "filebased", "locmem")


@checks.register(checks.Tags.staticfiles, deploy=True)
def check_static_files(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    if not isinstance(staticfiles_storage, ManifestFilesMixin) or staticfiles_storage.read_manifest():
        return []
    return [
        checks.Error(
            "The static files are not collected: every page would fail.",
            hint="Run `manage.py collectstatic --noinput` on each host, or when its image is built.",
            id="hostapp.E001",
        )
    ]


@checks.register(checks.Tags.security, deploy=True)
def check_mail(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    if settings.EMAIL_BACKEND.split(".")[-2] not in _MAIL_IS_NOT_SENT:
        return []
    return [
        checks.Warning(
            "EMAIL_URL sends no mail: nobody gets invitations and password links, and they may be logged.",
            hint="Set it to your mail server, such as smtp+tls://user:password@mail.acme.example.",
            id="hostapp.W002",
        )
    ]
