"""How soon an event is applied while the worker has nothing else to do.

    python -m bench latency

Delivers one event at a time to the receiver, at any moment of the worker's pause, and looks every two
milliseconds whether it is applied.
"""

import argparse
import random
import time

from bench.apply_cases import build_connection
from bench.backlog import COLUMNS, Samples, Sender, create_enterprises, run_worker
from bench.commands import main
from bench.database import run_database
from bench.processes import run_server
from bench.receivers import ALONE
from bench.report import Report, Table

SMOKE = ("--samples", "3", "--warming-up", "0")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--samples", type=int, default=100, help="events (default: 100)")
    parser.add_argument("--warming-up", type=float, default=3, help="seconds of it (default: 3)")


def run(options: argparse.Namespace) -> Report:
    samples = Samples("idle, connection.activated")
    with run_database() as database, database.connect() as connection:
        create_enterprises(1)
        with (
            run_server(ALONE.arguments, database.build_environment()) as server,
            run_worker(database),
        ):
            sender = Sender(server.port, connection)
            sender.wait(sender.deliver("connection.activated", build_connection(0, 0)))
            # A worker does more at its start.
            time.sleep(options.warming_up)
            for number in range(1, options.samples + 1):
                time.sleep(0.05 + random.random() / 2)
                sender.time(samples, "connection.activated", build_connection(number * 50, 0))
    return Report(
        [Table("Latency", COLUMNS, [samples.build_row()])], figures=samples.times, problems=samples.problems
    )


if __name__ == "__main__":
    main("latency")
