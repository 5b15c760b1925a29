"""How much memory a large directory takes in the sandbox, and how fast the sandbox answers for it.

python -m bench.large_directory --people 1000000 --groups 1000 --per-person 3
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.client import Sandbox

SAMPLES = 100


@contextmanager
def run_sandbox() -> Iterator[tuple[Sandbox, int]]:
    """A sandbox without limits, and its process id."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "sandbox", "--port", "0", "--quiet"),
            *(
                "--switch",
                "directory_requests_per_second=1000000",
                "--switch",
                "requests_per_minute=100000000",
            ),
        ],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = next(line.split()[1] for line in process.stdout or () if line.split()[:1] == ["API"])
        yield Sandbox(url=url), process.pid
    finally:
        process.terminate()
        process.wait()


def read_memory(pid: int) -> int:
    """The resident memory of the process in megabytes (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 10**6


def get(sandbox: Sandbox, path: str) -> Any:
    request = urllib.request.Request(  # noqa: S310  (an http URL of this machine)
        f"{sandbox.url}{path}", headers={"Authorization": f"Bearer {sandbox.api_key}"}
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310
        return json.loads(response.read())


def measure(name: str, call: Callable[[int], object], samples: int = SAMPLES) -> None:
    durations = []
    for number in range(samples):
        started = time.perf_counter()
        call(number)
        durations.append((time.perf_counter() - started) * 1000)
    durations.sort()
    slow = durations[int(len(durations) * 0.95)]
    print(f"  {name:<42} p50 {statistics.median(durations):7.1f} ms   p95 {slow:7.1f} ms")


def walk(sandbox: Sandbox, path: str) -> int:
    """How many objects a list has, read in pages of 100."""
    found, after = 0, ""
    while True:
        page = get(sandbox, f"{path}&limit=100{after}")
        found += len(page["data"])
        if page["list_metadata"]["after"] is None:
            return found
        after = f"&after={page['list_metadata']['after']}"


def run(options: argparse.Namespace) -> None:
    with run_sandbox() as (sandbox, pid):
        sandbox.request("POST", "seed", {"organizations": [{"name": "Acme"}]})
        [acme] = sandbox.organizations()
        directory = sandbox.activate_directory(acme["id"])["id"]
        empty = read_memory(pid)
        started = time.perf_counter()
        filled = sandbox.fill_directory(
            directory,
            options.people,
            groups=options.groups,
            groups_per_person=options.per_person,
            announced=options.announced,
        )
        seconds = time.perf_counter() - started
        used = read_memory(pid)
        memberships = options.people * options.per_person
        counts = sandbox.state()["counts"]
        print(
            f"{filled['metadata']['users']['active']:,} people, {memberships:,} memberships, "
            f"{counts['events']:,} events: {used - empty:,} MB ({(used - empty) * 10**6 // options.people} "
            f"bytes per person), created in {seconds:.0f} s"
        )
        measure_lists(sandbox, directory)
        measure_events(sandbox, acme["id"])


def measure_lists(sandbox: Sandbox, directory: str) -> None:
    people = f"/directory_users?directory={directory}&order=asc"
    page = get(sandbox, f"{people}&limit=100")
    user, cursors = page["data"][50], [row["id"] for row in page["data"]]
    groups = get(sandbox, f"/directory_groups?directory={directory}&limit=100")["data"]
    measure("first page of 100 people", lambda _: get(sandbox, f"{people}&limit=100"))
    measure("page of 100 after a cursor", lambda n: get(sandbox, f"{people}&limit=100&after={cursors[n]}"))
    if groups:
        path = "/directory_users?limit=100&group="
        measure("page of 100 of a group", lambda n: get(sandbox, f"{path}{groups[n % len(groups)]['id']}"))
    measure("one person", lambda n: get(sandbox, f"/directory_users/{cursors[n]}"))
    measure("one person by idp_id", lambda _: get(sandbox, f"{people}&idp_id={user['idp_id']}"))
    measure("one person by email", lambda _: get(sandbox, f"{people}&email={user['email']}"))
    measure("the directory with its counts", lambda _: get(sandbox, f"/directories/{directory}"))
    started = time.perf_counter()
    found = walk(sandbox, f"/directory_users?directory={directory}&order=asc")
    print(f"  all {found:,} people, in pages of 100: {time.perf_counter() - started:.0f} s")


def measure_events(sandbox: Sandbox, organization_id: str) -> None:
    now = sandbox.request("GET", "health")["now"]
    types = "dsync.activated,dsync.user.created,dsync.group.user_added"
    path = f"/events?limit=100&events={types}&organization_id={organization_id}"
    measure("page of 100 events", lambda _: get(sandbox, path))
    measure("page of events in a range without any", lambda _: get(sandbox, f"{path}&range_start={now}"))
    measure("page of rare events", lambda _: get(sandbox, "/events?limit=100&events=dsync.activated"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--groups", type=int, default=1000)
    parser.add_argument("--per-person", type=int, default=3, help="groups per person")
    parser.add_argument("--announced", action="store_true", help="emit the events of all of them, too")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
