"""A server listens when it is ready, and refuses connections as soon as it stops."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deliveries import payload, signed
from tests.processes import ROOT, build_environment, create_open_folder, wait_until
from tests.webhooks.receive.server import Server, answer, request, serving, start_server, status
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)


def build_delivery(number: int) -> bytes:
    body = json.dumps(payload("connection.activated", event_id=f"event_{number}")).encode()
    return request(body, f"WorkOS-Signature: {signed(body)}")


def accepts_connections(server: Server) -> bool:
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize("program", ["serve", "receiver"])
def test_server_that_accepts_its_first_connection_records_deliveries(program: str) -> None:
    with start_server(program=program) as server:
        wait_until(lambda: accepts_connections(server), seconds=60)
        with ThreadPoolExecutor(20) as senders:
            answers = list(senders.map(server.send, map(build_delivery, range(20))))

    assert [status(one) for one in answers] == [200] * 20
    assert WebhookEvent.objects.count() == 20


def test_stopping_server_refuses_connections_while_it_finishes_a_request() -> None:
    whole = build_delivery(1)
    with serving(WEB_PATIENCE="100") as server, server.connect() as slow:
        slow.sendall(whole[:-10])
        # Answered by the process after the one that has the slow request, or by the same.
        assert status(server.send(build_delivery(2))) == 200
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not accepts_connections(server))
        slow.sendall(whole[-10:])

        assert status(answer(slow)) == 200
    assert WebhookEvent.objects.count() == 2


@contextmanager
def serving_on(path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--unix-socket", str(path)],
        cwd=ROOT,
        env=build_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        assert process.poll() is None, "the server did not start"
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(path))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            client.sendall(request(b"", path="/healthz", method="GET"))
            return status(answer(client)) == 200

    try:
        wait_until(answers, seconds=60)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def test_unix_socket_that_a_killed_server_left_is_replaced() -> None:
    with create_open_folder("socket-") as folder:
        path = folder / "web.sock"
        with socket.socket(socket.AF_UNIX) as killed:
            killed.bind(str(path))
        with serving_on(path):
            pass

        assert not path.exists()
