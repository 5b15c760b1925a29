from django.apps import AppConfig


class EnterprisesConfig(AppConfig):
    name = "enterprises"

    def ready(self) -> None:
        # Registers its check.
        from enterprises import afterwards  # noqa: F401, PLC0415
