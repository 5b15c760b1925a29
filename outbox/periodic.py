"""Run periodic jobs, each at its own interval."""

import logging
import time
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django.db import DatabaseError, InterfaceError, connection

from outbox.failures import name_error
from outbox.handlers import PeriodicJob

logger = logging.getLogger(__name__)


class PeriodicJobs:
    """The jobs of one worker process. Each process has its own intervals: a job may run twice."""

    def __init__(self, jobs: Iterable[PeriodicJob]) -> None:
        self._jobs = list(jobs)
        self._next_runs = dict.fromkeys((job.name for job in self._jobs), 0.0)

    def run_due_jobs(self, *, now: datetime) -> Counter[str]:
        """Run the jobs that are due. Returns how many rows each one handled, by name."""
        return +Counter({job.name: self._run_if_due(job, now) for job in self._jobs})

    def _run_if_due(self, job: PeriodicJob, now: datetime) -> int:
        """A job that fails is logged and runs again at its next time; the others go on."""
        if time.monotonic() < self._next_runs[job.name]:
            return 0
        self._next_runs[job.name] = time.monotonic() + job.interval
        try:
            return int(job.run(now))
        except (DatabaseError, InterfaceError) as error:
            logger.error("%s: the database cannot be used (%s)", job.name, name_error(error))
            connection.close()
        except BaseException as error:  # also SystemExit: a job ends no other
            # Its message may quote a payload.
            logger.error("%s failed: %s. It runs again in %g s.", job.name, name_error(error), job.interval)
        return 0
