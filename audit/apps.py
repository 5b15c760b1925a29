from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit log"

    def ready(self) -> None:
        # Registers the system checks.
        from audit import conf  # noqa: F401, PLC0415
