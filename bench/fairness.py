"""How long an event waits while many events of another organization do.

    python -m bench fairness
    python -m bench fairness --waiting 1000000

One organization's first sync waits: so many `dsync.user.created`. A worker applies them; meanwhile another
organization's `connection.activated` are delivered one by one, and each one's way is timed.
"""

import argparse
import time

from bench.apply_cases import build_connection, build_person
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

SMOKE = ("--waiting", "3000", "--samples", "3")

# Seconds between two deliveries.
_PAUSE = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--waiting", type=int, default=1_000_000, help="events (default: 1,000,000)")
    parser.add_argument("--samples", type=int, default=100, help="of the other (default: 100)")


def run(options: argparse.Namespace) -> Report:
    samples = Samples("connection.activated of another organization")
    with run_database() as database, database.connect() as connection:
        create_enterprises(2)
        with run_server(ALONE.arguments, database.build_environment()) as server:
            sender = Sender(server.port, connection)
            report_progress(f"fairness: {options.waiting:,} events are recorded")
            multiply_event(
                connection, sender.deliver("dsync.user.created", build_person(0, 0)), options.waiting
            )
            with run_worker(database):
                for number in range(options.samples):
                    # The first one that is not applied has taken a minute.
                    if samples.problems:
                        break
                    sender.time(samples, "connection.activated", build_connection(1 + number * 50, 0))
                    time.sleep(_PAUSE)
                left = count_waiting(connection)
    note = f"{options.waiting:,} `dsync.user.created` waited at the start, and {left:,} at the end."
    return Report(
        [Table("Fairness", COLUMNS, [samples.build_row()], note=note)],
        figures={"times": samples.times, "left": left},
        problems=samples.problems,
    )


if __name__ == "__main__":
    main("fairness")
