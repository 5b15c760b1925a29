"""What a client can hold of the web server: neither its threads, nor its file descriptors, nor its memory."""

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests.deliveries import payload, signed
from tests.processes import wait_until
from tests.webhooks.receive.server import Server, answer, request, serving, serving_module, status

pytestmark = pytest.mark.django_db(transaction=True)

STATIC_FILE = "/static/portal/htmx.min.js"
THREADS = 4


@pytest.fixture(scope="module", params=["serve", "receiver"])
def program(request: pytest.FixtureRequest) -> str:
    """The receiver alone has the same limits as the site."""
    return str(request.param)


@pytest.fixture(scope="module")
def server(program: str, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Server]:
    """It soon gives up those who send or read nothing."""
    with serving_with_patience(django_db_blocker, program, seconds=3) as server:
        yield server


@pytest.fixture(scope="module")
def patient_server(
    program: str, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Server]:
    """It waits for them for longer than a test waits for an answer: who is answered did not wait for them."""
    with serving_with_patience(django_db_blocker, program, seconds=600) as server:
        yield server


@contextlib.contextmanager
def serving_with_patience(blocker: DjangoDbBlocker, program: str, *, seconds: int) -> Iterator[Server]:
    # Requests that a test has given up are refused after it has ended. Counting them would then collide with
    # the emptying of the tables.
    settings = {"WEB_CONCURRENCY": "1", "WEB_THREADS": str(THREADS), "WEB_PATIENCE": str(seconds)}
    with serving_module(blocker, program=program, TEST_REFUSALS_INTERVAL="3600", **settings) as server:
        # The first refusal is written at once.
        assert status(server.send(request(b"{}"))) == 400
        yield server


def get(path: str) -> bytes:
    return request(b"", path=path, method="GET", length=False)


def get_page(server: Server) -> tuple[bytes, int]:
    """A request for a page, and the status of its response."""
    return (get("/account/login/"), 200) if server.has_site else (get("/"), 404)


def deliver(server: Server, number: int = 1) -> int:
    body = json.dumps(payload("connection.activated", event_id=f"event_{number}")).encode()
    return status(server.send(request(body, f"WorkOS-Signature: {signed(body)}")))


def assert_others_are_answered(server: Server, held: Sequence[socket.socket] = (), *, times: int = 3) -> None:
    """The answers do not wait for the end of the connections in `held`: some are still open after them."""
    for number in range(times):
        page, expected = get_page(server)
        assert status(server.send(page)) == expected
        assert deliver(server, number) == 200
    assert not held or not all(map(is_closed, held))


def is_closed(sock: socket.socket) -> bool:
    """Whether the server has closed this connection. Reads nothing."""
    state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    # 1 is the state "established".
    return state != b"\x01"


@contextlib.contextmanager
def connections(server: Server, count: int, *, receive_buffer: int = 0) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        socks = []
        for _ in range(count):
            sock = stack.enter_context(socket.socket())
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            sock.settimeout(10)
            sock.connect(("127.0.0.1", server.port))
            socks.append(sock)
        yield socks


def test_silent_connections_block_no_one(patient_server: Server) -> None:
    with connections(patient_server, 300) as silent:
        assert_others_are_answered(patient_server, silent)


def test_silent_connections_are_closed(server: Server) -> None:
    with connections(server, 300) as silent:
        wait_until(lambda: all(map(is_closed, silent)), seconds=30)
    assert_others_are_answered(server, times=1)


def test_more_connections_than_file_descriptors_block_no_one(program: str) -> None:
    # A hard limit of 400 leaves 68 connections for the site with its threads, and 80 for the receiver.
    most = 68 if program == "serve" else 80
    few = {"WEB_CONCURRENCY": "1", "WEB_THREADS": str(THREADS), "WEB_PATIENCE": "600"}
    with serving(400, program=program, **few) as server, connections(server, 500) as silent:
        assert_others_are_answered(server, silent)
        # The newest are kept, and the oldest are closed.
        wait_until(lambda: sum(not is_closed(sock) for sock in silent) <= most, seconds=30)
        assert not is_closed(silent[-1])
        assert_others_are_answered(server, silent)


def read_nothing(server: Server, unread: Sequence[socket.socket]) -> None:
    for sock in unread:
        sock.settimeout(0.2)
        # The receiver has small responses only.
        pipelined = get(STATIC_FILE) * 120 if server.has_site else get("/") * 50_000
        with contextlib.suppress(TimeoutError):
            sock.sendall(pipelined)


def test_clients_that_read_nothing_block_no_one(patient_server: Server) -> None:
    with connections(patient_server, 3 * THREADS, receive_buffer=4096) as unread:
        read_nothing(patient_server, unread)
        # The server may close them already: so much is read ahead of no one. Its patience, which it would
        # have with those that are left, is longer than this test may take.
        assert_others_are_answered(patient_server, times=5)


def test_clients_that_read_nothing_are_closed(server: Server) -> None:
    with connections(server, 3 * THREADS, receive_buffer=4096) as unread:
        read_nothing(server, unread)
        wait_until(lambda: all(map(is_closed, unread)), seconds=30)


STARTS = [
    b"GET /account/login/ HTTP/1.1\r\nHost: localhost\r\nX: ",
    request(b"", "Content-Length: 1000", length=False),
    request(b"", "Transfer-Encoding: chunked", length=False),
]
start_of_a_request = pytest.mark.parametrize("start", STARTS, ids=["head", "body", "chunk size"])


@start_of_a_request
def test_slow_senders_block_no_one(patient_server: Server, start: bytes) -> None:
    with connections(patient_server, 3 * THREADS) as slow:
        for sock in slow:
            sock.sendall(start)
        assert_others_are_answered(patient_server, slow)


@start_of_a_request
def test_slow_senders_are_closed(server: Server, start: bytes) -> None:
    with connections(server, 3 * THREADS) as slow:
        for sock in slow:
            sock.sendall(start)
        deadline = time.monotonic() + 30
        while not all(map(is_closed, slow)):
            assert time.monotonic() < deadline
            for sock in slow:
                with contextlib.suppress(OSError):
                    sock.send(b"0")
            time.sleep(0.2)


def test_second_request_of_a_connection_has_a_deadline_of_its_own(server: Server) -> None:
    with server.connect() as sock:
        for _ in range(3):
            # Together longer than the deadline of one request.
            time.sleep(1.5)
            page, expected = get_page(server)
            sock.sendall(page)
            assert status(answer(sock)) == expected
        sock.sendall(b"GET / HTTP/1.1\r\n")
        wait_until(lambda: is_closed(sock), seconds=30)


def test_unfinished_bodies_hold_bounded_memory(patient_server: Server) -> None:
    server = patient_server
    deliver(server)
    before = server.memory()

    # Twice as much, or more, as is held.
    with connections(server, 80 if server.has_site else 160) as uploads:
        for sock in uploads:
            with contextlib.suppress(OSError):
                # As large as each takes: 2.6 MB for a form, 1 MiB for a delivery.
                size = 2_500_000 if server.has_site else 1_000_000
                path = "/account/login/" if server.has_site else "/webhooks/workos/"
                head = request(b"", f"Content-Length: {size}", path=path, length=False)
                sock.sendall(head + b"x" * (size - 99_999))
        assert_others_are_answered(server, uploads)
        # 64 MiB are held, in buffers that are an eighth larger than what is in them, and what is being read.
        assert server.memory() - before < 120 * 1024 * 1024
        assert any(map(is_closed, uploads))


def test_head_over_64_kib_is_answered_431(server: Server) -> None:
    with server.connect() as sock, contextlib.suppress(ConnectionError):
        sock.sendall(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 15_000)
        assert status(answer(sock)) in (0, 431)
    assert_others_are_answered(server, times=1)


def test_thousands_of_pipelined_requests_hold_bounded_memory(patient_server: Server) -> None:
    server = patient_server
    assert status(server.send(get("/nowhere/"))) == 404
    before = server.memory()

    with connections(server, 10, receive_buffer=4096) as unread:
        for sock in unread:
            sock.settimeout(0.2)
            with contextlib.suppress(OSError):
                sock.sendall(b"GET /nowhere/ HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100_000)
        # The receiver closes these connections at once.
        assert_others_are_answered(server, unread if server.has_site else (), times=10)
        assert server.memory() - before < 20 * 1024 * 1024


def test_client_that_closes_its_sending_side_gets_its_responses(server: Server) -> None:
    with server.connect() as sock:
        page, expected = get_page(server)
        sock.sendall(page * 3)
        sock.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: sock.recv(65536), b""))
    assert received.count(b"HTTP/1.1 %d" % expected) == 3


def test_static_file_arrives_whole_from_the_site(patient_server: Server) -> None:
    response = patient_server.send(get(STATIC_FILE))

    if not patient_server.has_site:
        assert status(response) == 404
        return
    head, _, body = response.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head.lower()
    assert len(body) > 40_000


def test_requests_in_hand_finish_when_the_server_stops(program: str) -> None:
    with serving(program=program) as server, ThreadPoolExecutor(5) as pool:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE webhooks_webhookevent")
            deliveries = [pool.submit(deliver, server, number) for number in range(5)]
            time.sleep(1)
            server.process.terminate()
            time.sleep(1)
            cursor.execute("ROLLBACK")
        assert [delivery.result(timeout=10) for delivery in deliveries] == [200] * 5
        assert server.process.wait(10) == 0


def test_workers_end_when_their_parent_is_killed(program: str) -> None:
    with serving(program=program) as server:
        workers = server.workers()
        os.kill(server.process.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(workers, timeout=10)
        assert not alive
