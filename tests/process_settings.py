"""Settings of a process that a test starts: the tests' own, with the database of that test."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, WORKOS_BASE_URL

DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
# The sandbox that the test started, if any.
WORKOS_BASE_URL = os.environ.get("TEST_SANDBOX", WORKOS_BASE_URL)
if os.environ.get("TEST_SANDBOX"):
    WORKOS_LINK_ORIGINS = [WORKOS_BASE_URL, WORKOS_BASE_URL.replace("127.0.0.1", "localhost")]
# Immediate by default: a write after the response would collide with the end of the test.
WORKOS_WEBHOOK_REFUSALS_INTERVAL = float(os.environ.get("TEST_REFUSALS_INTERVAL", "0"))
OUTBOX_RETRY_SECONDS = OUTBOX_HEARTBEAT_SECONDS = 0.1
OUTBOX_STOP_SECONDS = float(os.environ.get("TEST_STOP_SECONDS", "8"))
if os.environ.get("TEST_NO_SECRET"):
    WORKOS_WEBHOOK_SECRETS = WORKOS_WEBHOOK_SECRET_NAMES = []
if os.environ.get("TEST_SMTP_PORT"):
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = "127.0.0.1", int(os.environ["TEST_SMTP_PORT"])
WORKOS_SYNC_IT_CONTACTS = os.environ.get("TEST_SYNC_IT_CONTACTS") == "on"
# As in production: what a process writes, all of its threads see.
CATCH_UP_THREADS = RECONCILE_THREADS = 4
