"""The benchmarks' settings: production's, without TLS, on the embedded PostgreSQL."""

import os

os.environ["ENV_FILE"] = ""
os.environ.update(
    DEBUG="on",
    DATABASE_URL="",
    SECRET_KEY="bench-only-not-a-secret",  # noqa: S106
    SITE_URL="http://localhost:8000",
    LOG_LEVEL="CRITICAL",
    WORKOS_WEBHOOK_SECRET=os.environ["BENCH_SECRET"],
)

from hostapp.settings import *  # noqa: F403
from hostapp.settings import DATABASES

DEBUG = False
DATABASES["default"]["NAME"] = os.environ.get("BENCH_DATABASE", "postgres")
# Static files are served from the apps: `collectstatic` is not run.
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True
