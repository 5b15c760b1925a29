"""Settings for `bench.reconcile_people`: development's, at the rate of the bench."""

import os

from hostapp.settings import *  # noqa: F403

WORKOS_DIRECTORY_REQUESTS_PER_SECOND = float(os.environ["BENCH_RATE"])
