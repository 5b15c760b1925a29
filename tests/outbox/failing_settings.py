"""Settings of a worker whose tasks, steps and jobs fail."""

from tests.process_settings import *  # noqa: F403

OUTBOX_TASKS = "tests.outbox.failing_tasks.TASKS"
OUTBOX_STEPS = "tests.outbox.failing_tasks.STEPS"
OUTBOX_PERIODIC_JOBS = "tests.outbox.failing_tasks.PERIODIC_JOBS"
