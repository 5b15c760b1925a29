"""Settings of the application in the browser tests: the test's database, the sandbox, its own port."""

import os

from tests.process_settings import *  # noqa: F403

SITE_URL = os.environ["APP_URL"]
ALLOWED_HOSTS = ["localhost"]
CSRF_TRUSTED_ORIGINS = [SITE_URL]

WORKOS_BASE_URL = os.environ["APP_SANDBOX"]
WORKOS_API_KEY = "sk_test_sandbox"
WORKOS_WEBHOOK_SECRETS, WORKOS_WEBHOOK_SECRET_NAMES = ["whsec_sandbox"], ["sandbox"]
WORKOS_TIMEOUT = 2.0
_port = WORKOS_BASE_URL.rpartition(":")[2]
WORKOS_LINK_ORIGINS = [f"http://localhost:{_port}", f"http://127.0.0.1:{_port}"]

EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = os.environ["APP_MAILS"]
