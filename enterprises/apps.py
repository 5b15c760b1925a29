from django.apps import AppConfig


class EnterprisesConfig(AppConfig):
    name = "enterprises"

    def ready(self) -> None:
        # Registers the system checks and the receivers, one of which remembers when a person signed in.
        from enterprises import conf, reauthentication, receivers  # noqa: F401, PLC0415
