"""Periodic jobs run at their intervals, whatever the others do."""

import logging
from datetime import datetime

import pytest
from django.utils import timezone

from outbox.handlers import PeriodicJob
from outbox.periodic import PeriodicJobs


def test_failing_periodic_job_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    def fail(now: datetime) -> int:
        raise RuntimeError("a secret: whsec_1")

    runs: list[datetime] = []

    def work(now: datetime) -> int:
        runs.append(now)
        return 1

    now = timezone.now()

    outcomes = PeriodicJobs(
        [PeriodicJob("Failing", 60, fail), PeriodicJob("Working", 60, work)]
    ).run_due_jobs(now=now)

    assert runs == [now]
    assert outcomes == {"Working": 1}
    assert "Failing failed: RuntimeError" in caplog.text
    assert "whsec" not in caplog.text


def test_periodic_job_does_not_run_again_before_its_interval_ends() -> None:
    runs: list[datetime] = []

    def work(now: datetime) -> int:
        runs.append(now)
        return len(runs)

    jobs = PeriodicJobs([PeriodicJob("Working", 3600, work)])

    for _ in range(3):
        jobs.run_due_jobs(now=timezone.now())

    assert len(runs) == 1
