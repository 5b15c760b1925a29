from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "gateway"

    def ready(self) -> None:
        # Registers the system checks.
        from gateway import conf  # noqa: F401
