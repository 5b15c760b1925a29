from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_save


class WebhooksConfig(AppConfig):
    name = "webhooks"

    def ready(self) -> None:
        # Registers the system checks.
        from webhooks import conf  # noqa: F401, PLC0415

        post_save.connect(_wake_workers, sender="mirror.Organization")


def _wake_workers(*, created: bool, **kwargs: Any) -> None:
    """Events may wait for the organization that has just become known."""
    from webhooks.wake_up import wake_workers_after_commit  # noqa: PLC0415

    if created:
        wake_workers_after_commit()
