"""Measure how many deliveries are received and how many events are applied per second.

    make bench                      # or: python -m bench.deliveries --count 5000 --senders 16

Starts its own PostgreSQL and web server in a temporary folder, posts signed events over loopback from several
senders, then applies them in one process. Prints the rates and the median response time in milliseconds.
Other work on the machine affects the figures: compare only runs of the same sitting.
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


def build_event(number: int) -> bytes:
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


def send_events(port: int, secret: str, numbers: range) -> list[float]:
    """Post these events over one connection. Returns the response time of each, in seconds."""
    client = http.client.HTTPConnection("127.0.0.1", port)
    response_times = []
    for number in numbers:
        body = build_event(number)
        stamp = str(int(time.time() * 1000))
        digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        started = time.perf_counter()
        client.request(
            "POST",
            "/webhooks/workos/",
            body,
            {"Content-Type": "application/json", "WorkOS-Signature": f"t={stamp}, v1={digest}"},
        )
        response = client.getresponse()
        response.read()
        response_times.append(time.perf_counter() - started)
        if response.status != 200:
            raise SystemExit(f"event {number} got status {response.status}")
    return response_times


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=2000, help="events (default: 2000)")
    parser.add_argument("--senders", type=int, default=8, help="concurrent connections (default: 8)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        # For root, the server runs as a user of its own.
        Path(folder).chmod(0o711)
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
    web = subprocess.Popen([sys.executable, "manage.py", "serve", "--port", str(port)], cwd=ROOT)
    try:
        wait_until_listening(port)
        # The first requests load modules and open connections.
        for sender in range(senders):
            send_events(port, secret, range(count + sender, count + sender + 1))
        share = count // senders
        started = time.perf_counter()
        with ThreadPoolExecutor(senders) as pool:
            results = pool.map(
                lambda n: send_events(port, secret, range(n * share, (n + 1) * share)), range(senders)
            )
            response_times = [seconds for result in results for seconds in result]
        print_rate("received", len(response_times), time.perf_counter() - started)
        median, slow = statistics.median(response_times) * 1000, percentile_95(response_times)
        print(f"  response time {median:.1f} ms (median), {slow:.1f} ms (95 %)")
    finally:
        web.terminate()
        web.wait(15)
    started = time.perf_counter()
    print_rate("applied", apply_events(), time.perf_counter() - started)


def prepare() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from django.utils import timezone

    from enterprises.models import Enterprise
    from mirror.models import Organization

    organization = Organization.objects.create(organization_id=ORGANIZATION, as_of=timezone.now())
    Enterprise.objects.create(name="Bench", slug="bench", organization=organization)


def apply_events() -> int:
    from django.utils import timezone

    from webhooks.inbox import apply_waiting

    total = 0
    while outcomes := apply_waiting(now=timezone.now()):
        total += sum(outcomes.values())
    return total


def wait_until_listening(port: int) -> None:
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


def percentile_95(response_times: list[float]) -> Any:
    return statistics.quantiles(response_times, n=20)[-1] * 1000


def print_rate(action: str, count: int, seconds: float) -> None:
    print(f"{action} {count} events in {seconds:.2f} s: {count / seconds:,.0f} per second")


if __name__ == "__main__":
    main()
