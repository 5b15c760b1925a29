"""Production's settings with test overrides, on the embedded PostgreSQL or on DATABASE_URL."""

import os

os.environ["ENV_FILE"] = ""
# Playwright runs an event loop in the tests' thread, where Django would refuse database calls.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
os.environ.update(
    DEBUG="on",
    SECRET_KEY="tests-only-not-a-secret",
    SITE_URL="http://localhost:8000",
    WORKOS_API_KEY="sk_test_of_the_tests",
    WORKOS_CLIENT_ID="client_of_the_tests",
    WORKOS_BASE_URL="https://api.workos.com",
    WORKOS_WEBHOOK_SECRET="whsec_current,whsec_previous",
    # A worker that a test starts asks WorkOS for nothing that the test does not want.
    CATCH_UP_INTERVAL="0",
    RECONCILE_INTERVAL="0",
)

from hostapp.settings import *  # noqa: F403
from hostapp.settings import DATABASES, INSTALLED_APPS

DEBUG = False
# In the test's thread, which sees the test's transaction.
CATCH_UP_THREADS = RECONCILE_THREADS = 1
# Tests do not wait for the rate limit; those of it have a clock of their own.
WORKOS_BACKGROUND_REQUESTS_PER_MINUTE = 600_000.0
WORKOS_DIRECTORY_REQUESTS_PER_SECOND = 10_000.0
# Each IT admin of a test would enqueue a task. tests/enterprises/test_it_contacts.py switches it on.
WORKOS_SYNC_IT_CONTACTS = False
# Count refusals immediately, in the test's own transaction.
WORKOS_WEBHOOK_REFUSALS_INTERVAL = 0.0
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEV_MAILBOX = ""
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# Serve static files from the apps: the tests do not run collectstatic.
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True
# Tests empty their tables; everywhere else the database refuses to empty the audit log. A statement that
# waits for a lock longer than this fails: it would wait forever if the holder of the lock waits for the test.
# The data of a test outlives no crash of the database, so no commit waits for the disk.
DATABASES["default"].setdefault("OPTIONS", {})["options"] = (  # type: ignore[index]
    "-c audit_log.may_be_truncated=on -c lock_timeout=15s -c synchronous_commit=off"
)
INSTALLED_APPS = [*INSTALLED_APPS, "tests.quick_flush"]
