from django.apps import AppConfig
from django.conf import settings

from hostapp.error_reports import start_error_reports


class HostappConfig(AppConfig):
    name = "hostapp"
    verbose_name = "People"

    def ready(self) -> None:
        from hostapp import checks, timestamps  # noqa: F401, PLC0415 - registers them

        if settings.SENTRY_DSN:
            start_error_reports(settings.SENTRY_DSN, is_production=not settings.DEBUG)
