"""How soon people lose their access who are deactivated at the identity provider.

    python -m bench leavers

First, one person after the other is deactivated while a first sync of the same directory waits: so many
`dsync.user.created`. Then so many deactivations at once wait for one worker. Each is a `dsync.user.updated`
with the state inactive, as WorkOS sends it.
"""

import argparse
import time
from typing import Any

import psycopg

from bench.apply_cases import build_leaver, build_person
from bench.backlog import (
    COLUMNS,
    Samples,
    Sender,
    count_waiting,
    create_enterprises,
    multiply_event,
    run_worker,
)
from bench.commands import main
from bench.database import run_database
from bench.processes import run_server
from bench.receivers import ALONE
from bench.report import Report, Table, report_progress

SMOKE = ("--people", "1000", "--samples", "3")

_PAUSE = 0.05
# Seconds after which the run is given up.
_PATIENCE = 300


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=100_000, help="at once (default: 100,000)")
    parser.add_argument("--samples", type=int, default=100, help="one by one (default: 100)")


def run(options: argparse.Namespace) -> Report:
    samples = Samples("one person, while a first sync waits")
    problems = samples.problems
    with run_database() as database, database.connect() as connection:
        create_enterprises(1)
        with run_server(ALONE.arguments, database.build_environment()) as server:
            sender = Sender(server.port, connection)
            report_progress(f"leavers: {options.people:,} people are recorded")
            # People of the first organization: every fiftieth.
            joined = sender.deliver("dsync.user.created", build_person(0, 0))
            multiply_event(connection, joined, options.people)
            with run_worker(database):
                for number in range(1, options.samples + 1):
                    if problems:
                        break
                    sender.time(samples, "dsync.user.updated", build_leaver(number * 50, 10))
                    time.sleep(_PAUSE)
                left = count_waiting(connection)
                _wait_until_applied(connection, problems)
            report_progress(f"leavers: {options.people:,} people are deactivated")
            leaver = sender.deliver("dsync.user.updated", build_leaver(0, 20))
            multiply_event(connection, leaver, options.people)
        began = time.monotonic()
        with run_worker(database):
            start = time.monotonic() - began
            _wait_until_applied(connection, problems)
        seconds = time.monotonic() - began
        (active,) = connection.execute(
            "SELECT count(*) FROM mirror_directoryuser WHERE state <> 'inactive'"
        ).fetchone() or (0,)
    if active:
        problems.append(f"{active} people are still active")
    people = f"{options.people:,}"
    table = Table(
        "Leavers",
        COLUMNS,
        [samples.build_row()],
        note=f"{left:,} of {people} `dsync.user.created` still waited at the end. Then {people} people were"
        f" deactivated at once: {seconds:.1f} s until all were applied, of which the worker's start took"
        f" {start:.1f} s.",
    )
    figures = {"times": samples.times, "left": left, "seconds": seconds, "start": start}
    return Report([table], figures=figures, problems=problems)


def _wait_until_applied(connection: psycopg.Connection[Any], problems: list[str]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while left := count_waiting(connection):
        if time.monotonic() > deadline:
            problems.append(f"{left} events still wait after {_PATIENCE} s")
            return
        time.sleep(0.02)


if __name__ == "__main__":
    main("leavers")
