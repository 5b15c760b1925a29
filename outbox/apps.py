from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "outbox"

    def ready(self) -> None:
        # Registers the system checks.
        from outbox import conf  # noqa: F401, PLC0415
