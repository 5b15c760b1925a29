"""The receiver and the site as an ASGI application, for `manage.py serve`."""

from typing import Any

from django.conf import settings
from django.db import connections
from django.urls import get_resolver

from hostapp.server.process import ServerProcess
from hostapp.server.site import ThreadedSite
from hostapp.wsgi import application as wsgi_application
from webhooks import conf
from webhooks.receive.asgi import Receiver

# Arguments that are for Django's own kind of connection.
_DJANGO_ONLY = {"context", "cursor_factory", "prepare_threshold"}


def get_connection_parameters() -> dict[str, Any]:
    """psycopg's arguments for the site's database."""
    parameters = connections["default"].get_connection_params()
    return {name: value for name, value in parameters.items() if name not in _DJANGO_ONLY}


# Imports all views now: the first visitor of a new process does not wait for that.
_ = get_resolver().url_patterns

application = ServerProcess(
    Receiver(conf.receiver_config(), get_connection_parameters),
    ThreadedSite(wsgi_application, threads=settings.WEB_THREADS),
    threads=settings.WEB_THREADS,
    request_seconds=settings.WEB_PATIENCE,
)
