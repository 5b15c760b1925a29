"""Settings of `bench.outbox` and its workers: two more kinds of tasks, and mail to nowhere or to loopback."""

import os

from bench.server_settings import *  # noqa: F403

OUTBOX_TASKS = "bench.outbox_tasks.TASKS"
# They would enqueue other tasks, for a WorkOS that is not there.
OUTBOX_PERIODIC_JOBS = ""
EMAIL_BACKEND = os.environ["BENCH_EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT, EMAIL_USE_TLS = "127.0.0.1", int(os.environ.get("BENCH_SMTP_PORT", "0")), False
