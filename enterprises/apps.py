from django.apps import AppConfig


class EnterprisesConfig(AppConfig):
    name = "enterprises"

    def ready(self) -> None:
        # Registers the system checks and the receivers.
        from enterprises import conf, receivers  # noqa: F401, PLC0415
