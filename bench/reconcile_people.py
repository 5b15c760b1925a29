"""Measure how long `manage.py reconcile --apply` takes for a large directory, and how much memory.

    python -m bench.reconcile_people                              # 100,000 people: 4.5 minutes
    python -m bench.reconcile_people --groups-per-person 5        # and 500,000 memberships: 27 minutes
    python -m bench.reconcile_people --groups-per-person 5 --scale 4

Starts its own PostgreSQL and a sandbox that answers 50 ms late and allows 4 requests a second for the people
of a directory, as WorkOS does. The bound is 1.1 × (requests needed ÷ 4). `--scale` multiplies the rate and
divides the latency: shorter, and harder, because our own work is not scaled. `--kill` kills the process once,
in the middle, and goes on. `--again` measures a second run, which finds no difference.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sandbox.client import Sandbox
from sandbox.pytest_plugin import run_sandbox

ROOT = Path(__file__).resolve().parents[1]
WORKOS_RATE = 4.0
WORKOS_LATENCY = 0.05
# Pages of 100.
PAGE_SIZE = 100


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--groups", type=int, default=500, help="groups, if there are any (default: 500)")
    parser.add_argument("--groups-per-person", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0, help="of the rate and the latency (default: 1)")
    parser.add_argument("--kill", action="store_true", help="kill it in the middle once, and go on")
    parser.add_argument("--again", action="store_true", help="measure a second run, too")
    options = parser.parse_args()
    rate = WORKOS_RATE * options.scale
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        # For root, the server runs as a user of its own.
        Path(folder).chmod(0o711)
        with run_sandbox("--switch", f"directory_requests_per_second={rate:.0f}") as sandbox:
            prepare(folder, sandbox, rate)
            directory_id = fill(sandbox, options)
            sandbox.fault("hang", seconds=WORKOS_LATENCY / options.scale, path="/directory*")
            for _ in range(2 if options.again else 1):
                measure(options, rate, directory_id)
                print(f"answered 429: {sandbox.state()['rate_limited_requests']}", flush=True)


def prepare(folder: str, sandbox: Sandbox, rate: float) -> None:
    os.environ.update(
        ENV_FILE="",
        DEBUG="on",
        DATABASE_URL="",
        LOG_LEVEL="INFO",
        SECRET_KEY=secrets.token_hex(32),
        EMBEDDED_POSTGRES=f"{folder}/data",
        WORKOS_API_KEY=sandbox.api_key,
        WORKOS_BASE_URL=sandbox.url,
        WORKOS_WEBHOOK_SECRET=secrets.token_hex(16),
        DJANGO_SETTINGS_MODULE="bench.reconcile_settings",
        BENCH_RATE=str(rate),
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("provision_enterprise", "Bench", "--slug", "bench", verbosity=0)


def fill(sandbox: Sandbox, options: argparse.Namespace) -> str:
    (organization,) = sandbox.organizations()
    directory_id = str(sandbox.activate_directory(organization["id"])["id"])
    sandbox.fill_directory(
        directory_id,
        options.people,
        groups=options.groups if options.groups_per_person else 0,
        groups_per_person=options.groups_per_person,
    )
    return directory_id


def measure(options: argparse.Namespace, rate: float, directory_id: str) -> None:
    needed = count_requests(options)
    started = time.perf_counter()
    if options.kill:
        process = start()
        time.sleep(needed / rate / 2)
        process.kill()
        process.communicate()
        print(f"killed after {time.perf_counter() - started:.0f} s")
        # Its turn ends when it has been silent for a while.
        time.sleep(21)
    process = start()
    output, peak = wait(process)
    seconds = time.perf_counter() - started
    report: dict[str, Any] = json.loads(output)
    (directory,) = report["enterprises"][0]["directories"]
    print(
        f"{directory['people']:,} people, {count_memberships(directory_id):,} memberships,"
        f" {directory['requests']:,} requests ({needed:,} needed at {rate:g} a second)\n"
        f"{seconds:.1f} s = {seconds / (needed / rate):.3f} × (requests needed ÷ rate),"
        f" {peak:.0f} MB at most, {report['difference_count']:,} differences,"
        f" problems: {report['enterprises'][0]['problems'] or 'none'}"
    )


def count_requests(options: argparse.Namespace) -> int:
    """Pages of people, and of each group's members, which are spread evenly over the groups."""
    pages = -(-options.people // PAGE_SIZE)
    if options.groups_per_person:
        members = options.people * options.groups_per_person // options.groups
        pages += options.groups * -(-members // PAGE_SIZE)
    return int(pages)


def start() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "reconcile", "bench", "--apply", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def wait(process: "subprocess.Popen[str]") -> tuple[str, float]:
    """Its output, and its greatest memory in MB."""
    output = process.stdout.read() if process.stdout else ""
    _, _, usage = os.wait4(process.pid, 0)
    return output, usage.ru_maxrss / 1024


def count_memberships(directory_id: str) -> int:
    from mirror.people_models import DirectoryMembership

    return int(DirectoryMembership.objects.filter(group__directory__directory_id=directory_id).count())


if __name__ == "__main__":
    main()
