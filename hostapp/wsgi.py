"""The WSGI entry point: `gunicorn hostapp.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hostapp.settings")

application = get_wsgi_application()
