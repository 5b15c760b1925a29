from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"

    def ready(self) -> None:
        # Registers the system checks.
        from webhooks import conf  # noqa: F401, PLC0415
