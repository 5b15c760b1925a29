from django.apps import AppConfig


class HostappConfig(AppConfig):
    name = "hostapp"
    verbose_name = "People"

    def ready(self) -> None:
        from hostapp import checks  # noqa: F401, PLC0415 - registers them
