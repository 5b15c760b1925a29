from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        # Connects the receivers.
        from portal import receivers  # noqa: F401, PLC0415
