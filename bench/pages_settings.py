"""Settings for `bench.pages`: those of production, with collected static files, on embedded PostgreSQL."""

import os
from pathlib import Path

from bench.server_settings import *  # noqa: F403

STATIC_ROOT = Path(os.environ["BENCH_STATIC_ROOT"])
STORAGES = {"staticfiles": {"BACKEND": "hostapp.static_files.HashedStaticFilesStorage"}}
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = False
