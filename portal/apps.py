from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        # Its receiver notes when somebody signed in.
        from portal import confirming  # noqa: F401, PLC0415
