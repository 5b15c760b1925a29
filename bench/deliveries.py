"""How many webhooks are received, and how many events applied, a second?

    make bench                      # or: python -m bench.deliveries --count 5000 --senders 16

Starts a PostgreSQL and a web server of its own in a temporary folder, posts signed events to it over loopback
from several senders, then applies what waits in one process. Prints rates, and the medians of the answers'
times in milliseconds. Other work on the machine shows in the figures: compare runs of one sitting.
"""

import argparse
import hashlib
import hmac
import http.client
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ORGANIZATION = "org_01BENCHAAAAAAAAAAAAAAAAAAA"


def event(number: int) -> bytes:
    body = {
        "id": f"event_{number:026d}",
        "event": "connection.activated",
        "data": {
            "id": f"conn_{number:026d}",
            "organization_id": ORGANIZATION,
            "connection_type": "OktaSAML",
            "name": "Bench",
            "state": "active",
            "updated_at": "2026-01-15T12:00:00.000Z",
        },
        "created_at": "2026-01-15T12:00:00.000Z",
    }
    return json.dumps(body).encode()


def send(port: int, secret: str, numbers: range) -> list[float]:
    """Post these events over one connection; how long each answer took, in seconds."""
    line = http.client.HTTPConnection("127.0.0.1", port)
    took = []
    for number in numbers:
        body = event(number)
        stamp = str(int(time.time() * 1000))
        digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        began = time.perf_counter()
        line.request(
            "POST",
            "/webhooks/workos/",
            body,
            {"Content-Type": "application/json", "WorkOS-Signature": f"t={stamp}, v1={digest}"},
        )
        answer = line.getresponse()
        answer.read()
        took.append(time.perf_counter() - began)
        if answer.status != 200:
            raise SystemExit(f"event {number} was answered {answer.status}")
    return took


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=2000, help="events (default: 2000)")
    parser.add_argument("--senders", type=int, default=8, help="connections at a time (default: 8)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        run(folder, options.count, options.senders)


def run(folder: str, count: int, senders: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    secret = secrets.token_hex(16)
    os.environ.update(
        ENV_FILE="",
        DEBUG="on",
        DATABASE_URL="",
        LOG_LEVEL="WARNING",
        SECRET_KEY=secrets.token_hex(32),
        SITE_URL=f"http://127.0.0.1:{port}",
        EMBEDDED_POSTGRES=f"{folder}/data",
        WORKOS_WEBHOOK_SECRET=secret,
        DJANGO_SETTINGS_MODULE="hostapp.settings",
    )
    prepare()
    command = [sys.executable, "-m", "gunicorn", "hostapp.wsgi", "--bind", f"127.0.0.1:{port}"]
    web = subprocess.Popen(
        [*command, "--threads", "8", "--keep-alive", "30", "--log-level", "warning"], cwd=ROOT
    )
    try:
        wait_for(port)
        # The first requests load modules and open connections.
        for sender in range(senders):
            send(port, secret, range(count + sender, count + sender + 1))
        share = count // senders
        began = time.perf_counter()
        with ThreadPoolExecutor(senders) as pool:
            answers = pool.map(
                lambda n: send(port, secret, range(n * share, (n + 1) * share)), range(senders)
            )
            took = [seconds for answer in answers for seconds in answer]
        report("received", len(took), time.perf_counter() - began)
        print(
            f"  answered in {statistics.median(took) * 1000:.1f} ms (median), {quantile(took):.1f} ms (95 %)"
        )
    finally:
        web.terminate()
        web.wait(15)
    began = time.perf_counter()
    report("applied", apply(), time.perf_counter() - began)


def prepare() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from enterprises.models import Enterprise

    Enterprise.objects.create(name="Bench", slug="bench", organization_id=ORGANIZATION)


def apply() -> int:
    from django.utils import timezone

    from webhooks.inbox import apply_waiting

    total = 0
    while outcomes := apply_waiting(now=timezone.now()):
        total += sum(outcomes.values())
    return total


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def quantile(took: list[float]) -> Any:
    return statistics.quantiles(took, n=20)[-1] * 1000


def report(deed: str, count: int, seconds: float) -> None:
    print(f"{deed} {count} events in {seconds:.2f} s: {count / seconds:,.0f} a second")


if __name__ == "__main__":
    main()
