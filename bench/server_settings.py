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
# Nothing is called: nobody listens there.
os.environ.setdefault("WORKOS_API_KEY", "sk_test_bench")
os.environ.setdefault("WORKOS_BASE_URL", "http://127.0.0.1:9")

from hostapp.settings import *  # noqa: F403
from hostapp.settings import DATABASES

DEBUG = False
DATABASES["default"]["NAME"] = os.environ.get("BENCH_DATABASE", "postgres")
# Static files are served from the apps: `collectstatic` is not run.
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True
