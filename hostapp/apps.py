from django.apps import AppConfig


class HostappConfig(AppConfig):
    name = "hostapp"
    verbose_name = "People"
