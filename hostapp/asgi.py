"""The site as an ASGI application, for `manage.py serve`."""

from django.conf import settings

from hostapp.server.site import ThreadedSite
from hostapp.wsgi import application as wsgi_application

application = ThreadedSite(
    wsgi_application, threads=settings.WEB_THREADS, request_seconds=settings.WEB_PATIENCE
)
