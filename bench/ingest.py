"""How fast deliveries are received, as a ratio to pgbench committing one such row per transaction.

    python -m bench ingest                              # three rounds of three seconds
    python -m bench ingest --rounds 1 --senders 32
    python -m bench ingest --before ../old              # another checkout of this project, too

The servers have two processes each: the receiver alone, in front of the site, the Django view, and the peers
that are installed (`make bench-peers`). In each round every one is measured once, after pgbench, on empty
tables; figures are medians of the rounds, and ratios are of the same round. Every delivery is another event,
signed beforehand. Needs `wrk`, or uses a client in Python, which is slower itself. Other work on the machine
affects the rates: use the ratios.
"""

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from bench.commands import main
from bench.database import Database, run_database
from bench.load import write_requests
from bench.peers import find_peers
from bench.processes import run_server
from bench.receivers import OURS as OUR_RECEIVERS
from bench.receivers import Received, Receiver, build_receiver_of, describe_failures, measure_receiver
from bench.reference import OURS, PLAIN, TABLES, create_plain_table, run_pgbench
from bench.report import Report, Table, format_range, report_progress

# The smoke of isolation delivers to the receiver in front of the site.
SMOKE = (
    *("--rounds", "1", "--seconds", "1", "--senders", "16", "--no-peers", "--no-warming-up"),
    *("--only", "receiver alone", "Django view"),
)

# Requests that are prepared per second of a run: more than any server here answers.
_PREPARED_PER_SECOND = 16_000
# By name and number of senders: commits per second of each round, and what each round found of a receiver.
References = dict[tuple[str, int], list[float]]
Results = dict[tuple[str, int], list[Received]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = [one.name for one in OUR_RECEIVERS]
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement (default: 3)")
    parser.add_argument("--senders", type=int, nargs="*", default=[8, 32, 64], help="(default: 8 32 64)")
    parser.add_argument("--event", default="dsync.user.created", help="the name of all events")
    parser.add_argument("--only", nargs="*", choices=names, help="of ours")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--no-warming-up", action="store_true", help="measure a server's first second, too")
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="another checkout to measure")


def run(options: argparse.Namespace) -> Report:
    receivers = [one for one in OUR_RECEIVERS if not options.only or one.name in options.only]
    notes: list[str] = []
    if not options.no_peers:
        peers, notes = find_peers()
        receivers += peers
    for note in notes:
        report_progress(note)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, run_database() as database:
        if options.before:
            receivers.append(build_receiver_of(options.before, Path(folder)))
        references, results = _run_rounds(options, receivers, database, Path(folder))
    problems = [
        problem
        for (name, senders), rounds in results.items()
        for received in rounds
        for problem in describe_failures(f"{name}, {senders} senders", received)
    ]
    return Report(
        tables=[_build_table(references, results, [one.name for one in receivers])],
        figures={
            "references": [
                {"name": name, "senders": senders, "rates": rates}
                for (name, senders), rates in references.items()
            ],
            "receivers": [
                {"name": name, "senders": senders, "rounds": [vars(one) for one in rounds]}
                for (name, senders), rounds in results.items()
            ],
        },
        problems=problems,
        notes=notes,
    )


def _run_rounds(
    options: argparse.Namespace, receivers: Sequence[Receiver], database: Database, folder: Path
) -> tuple[References, Results]:
    references: References = defaultdict(list)
    results: Results = defaultdict(list)
    create_plain_table(database)
    run_number = 0
    with database.connect() as connection:
        for number in range(options.rounds):
            report_progress(f"ingest: round {number + 1} of {options.rounds}")
            for senders in options.senders:
                for table in TABLES:
                    _empty_tables(connection)
                    rate = run_pgbench(
                        database, folder, table, senders=senders, seconds=options.seconds, name=options.event
                    )
                    references[table, senders].append(rate)
            for receiver in receivers:
                run_number += 1000
                for senders, received in _measure(
                    options, receiver, database, requests=folder / "requests", run_number=run_number
                ):
                    results[receiver.name, senders].append(received)
    return references, results


def _measure(
    options: argparse.Namespace,
    receiver: Receiver,
    database: Database,
    *,
    requests: Path,
    run_number: int,
) -> list[tuple[int, Received]]:
    """A receiver in one round. One runs at a time: all would need more connections than PostgreSQL has."""
    found = []
    # The first run loads modules and opens connections.
    warming_up = [] if options.no_warming_up else [max(options.senders)]
    with (
        database.connect() as connection,
        run_server(
            receiver.arguments,
            database.build_environment(**receiver.environment),
            folder=receiver.folder,
            program=receiver.program,
        ) as server,
    ):
        for number, senders in enumerate([*warming_up, *options.senders]):
            _empty_tables(connection)
            prepared = int(_PREPARED_PER_SECOND * options.seconds)
            write_requests(requests, run_number + number, prepared, options.event)
            received = measure_receiver(
                server,
                connection,
                requests,
                table=receiver.table,
                prepared=prepared,
                senders=senders,
                seconds=options.seconds,
            )
            if number >= len(warming_up):
                found.append((senders, received))
    return found


def _empty_tables(connection: psycopg.Connection[Any]) -> None:
    connection.execute("TRUNCATE webhooks_webhookevent, bench_plain")
    connection.execute("CHECKPOINT")


def _build_table(references: References, results: Results, names: Sequence[str]) -> Table:
    ours = {one.name for one in OUR_RECEIVERS}
    peers = [name for name in names if name not in ours]
    table = Table(
        title="Receiving",
        columns=[
            *("", "senders", "per second", f"× {PLAIN}", f"× {OURS}", *(f"× {name}" for name in peers)),
            *("p50 ms", "p99 ms", "server's CPU µs", "PostgreSQL's", "memory MB", "failed", "lost"),
        ],
        note="Medians of the rounds, and the range of the rates. Ratios are of the same round.",
    )
    for (name, senders), rates in references.items():
        table.rows.append([name, senders, format_range(rates), *[""] * (len(table.columns) - 3)])
    for (name, senders), rounds in results.items():
        rates = [one.rate for one in rounds]
        others = [
            references[PLAIN, senders],
            references[OURS, senders],
            *([one.rate for one in results[peer, senders]] for peer in peers),
        ]
        table.rows.append(
            [
                name,
                senders,
                format_range(rates),
                *(_find_ratio(rates, other) for other in others),
                median(one.p50_ms for one in rounds),
                median(one.p99_ms for one in rounds),
                f"{median(one.server_us for one in rounds):.0f}",
                f"{median(one.postgresql_us for one in rounds):.0f}",
                f"{median(one.memory_mb for one in rounds):.0f}",
                max(one.failed for one in rounds),
                max(one.lost for one in rounds),
            ]
        )
    return table


def _find_ratio(rates: Sequence[float], others: Sequence[float]) -> float | None:
    """The median of the rounds' ratios. None if one of the others received nothing."""
    return median(a / b for a, b in zip(rates, others, strict=True)) if all(others) else None


if __name__ == "__main__":
    main("ingest")
