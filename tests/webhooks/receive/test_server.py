"""Responses of the running web server to well-formed and hostile requests on real sockets."""

import gc
import hmac
import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests.deliveries import payload, signed
from tests.processes import wait_until
from tests.webhooks.receive.server import PROGRAMS, Server, answer, request, serving, serving_module, status
from webhooks.models import RefusalCount, RefusalSample, WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)

BODY = json.dumps(payload("connection.activated")).encode()


@pytest.fixture(scope="module", params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(program: str, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Server]:
    with serving_module(django_db_blocker, program=program) as server:
        yield server
    gc.collect()


def event(number: int) -> bytes:
    return json.dumps(payload("connection.activated", event_id=f"event_{number}")).encode()


def delivery(body: bytes) -> bytes:
    return request(body, f"WorkOS-Signature: {signed(body)}")


def chunked(body: bytes, *headers: str, size: int = 1000) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return request(b"", "Transfer-Encoding: chunked", *headers, length=False) + b"".join(
        [*(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces), b"0\r\n\r\n"]
    )


def test_new_duplicate_and_unknown_events_are_answered_with_an_empty_200(server: Server) -> None:
    unknown = b'{"id":"event_1","event":"kitten.created","data":{}}'

    responses = [server.send(delivery(body)) for body in (BODY, BODY, unknown)]

    assert [status(response) for response in responses] == [200] * 3
    assert {response.partition(b"\r\n\r\n")[2] for response in responses} == {b""}
    assert WebhookEvent.objects.count() == 2


def test_unreachable_database_is_answered_503_so_that_workos_redelivers(program: str, db: None) -> None:
    with serving(program=program, TEST_DATABASE="gone") as broken:
        assert status(broken.send(delivery(BODY))) == 503


def test_missing_secret_is_answered_503_and_nothing_is_recorded(program: str, db: None) -> None:
    with serving(program=program, TEST_NO_SECRET="1") as unconfigured:
        assert status(unconfigured.send(delivery(BODY))) == 503
    assert not WebhookEvent.objects.exists()


def test_invalid_requests_get_the_documented_status(server: Server) -> None:
    other = signed(BODY, secret="whsec_of_another_customer")

    assert status(server.send(request(BODY))) == 400
    assert status(server.send(request(BODY, f"WorkOS-Signature: {other}"))) == 400
    assert status(server.send(request(BODY, "WorkOS-Signature: " + "é" * 60))) == 400
    assert status(server.send(request(b"", method="GET"))) == 405
    assert status(server.send(request(b"x" * (1024 * 1024 + 1)))) == 413
    assert status(server.send(delivery(b"not an event"))) == 200
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("path", ["/webhooks/workos", "/webhooks/workos/"])
@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        ("csrftoken=short; sessionid=../../etc; messages=x; =;;==", 200),
        # No header may hold this character: the server refuses the request.
        ("csrftoken=short\x7f", 400),
    ],
)
def test_hostile_cookies_cause_no_redirect_and_no_cookie(
    server: Server, path: str, cookie: str, expected: int
) -> None:
    headers = f"WorkOS-Signature: {signed(BODY)}", f"Cookie: {cookie}"

    response = server.send(request(BODY, *headers, path=path))

    head = response.partition(b"\r\n\r\n")[0].lower()
    assert status(response) == expected
    for word in (b"set-cookie", b"vary", b"location"):
        assert word not in head


def test_unknown_host_header_is_accepted(server: Server) -> None:
    raw = delivery(BODY).replace(b"Host: localhost", b"Host: evil.example")

    assert status(server.send(raw)) == 200


def test_chunked_body_is_accepted(server: Server) -> None:
    assert status(server.send(chunked(BODY, f"WorkOS-Signature: {signed(BODY)}", size=7))) == 200
    assert WebhookEvent.objects.count() == 1


def test_endless_chunks_are_cut_off_in_constant_memory(server: Server) -> None:
    server.send(delivery(BODY))
    before = server.memory()

    with server.connect() as sock:
        sock.sendall(request(b"", "Transfer-Encoding: chunked", length=False))
        sent = _send_repeatedly(sock, b"10000\r\n" + b"x" * 65536 + b"\r\n", most=200 * 1024 * 1024)

    assert sent < 100 * 1024 * 1024, "the server must close the connection"
    assert server.memory() - before < 20 * 1024 * 1024


def test_endless_chunk_size_is_cut_off_in_constant_memory(server: Server) -> None:
    server.send(delivery(BODY))
    before = server.memory()

    with server.connect() as sock:
        sock.sendall(request(b"", "Transfer-Encoding: chunked", length=False))
        sent = _send_repeatedly(sock, b"0" * 65536, most=200 * 1024 * 1024)

    assert sent < 100 * 1024 * 1024
    assert server.memory() - before < 40 * 1024 * 1024


def test_announced_body_of_ten_gigabytes_is_answered_413_and_not_read(server: Server) -> None:
    before = server.memory()

    with server.connect() as sock:
        sock.sendall(request(b"", "Content-Length: 10000000000", length=False))
        response = answer(sock)
        sent = _send_repeatedly(sock, b"x" * 65536, most=200 * 1024 * 1024)

    assert status(response) == 413
    assert sent < 100 * 1024 * 1024
    assert server.memory() - before < 20 * 1024 * 1024


def _send_repeatedly(sock: socket.socket, piece: bytes, *, most: int) -> int:
    """Send `piece` repeatedly until the server closes the connection; return the number of bytes sent."""
    sent = 0
    try:
        while sent < most:
            sock.sendall(piece)
            sent += len(piece)
    except OSError:
        pass
    return sent


def test_slow_body_is_accepted(server: Server) -> None:
    raw = delivery(BODY)

    with server.connect() as sock:
        for start in range(0, len(raw), 300):
            sock.sendall(raw[start : start + 300])
            time.sleep(0.05)
        assert status(answer(sock)) == 200


SLOW = {
    "in the head": b"POST /webhooks/workos/ HTTP/1.1\r\nHost: localhost\r\nX: ",
    "in the body": request(b"", "Content-Length: 1000", length=False),
    "in the size of a chunk": request(b"", "Transfer-Encoding: chunked", length=False),
}


def test_slow_sender_is_disconnected_and_blocks_no_one(program: str) -> None:
    with serving(program=program, WEB_THREADS="4", WEB_CONCURRENCY="1", WEB_PATIENCE="2") as server:
        started = time.monotonic()
        slow_senders = [server.connect() for _ in range(2) for _ in SLOW]
        for sock, start in zip(slow_senders, [*SLOW.values()] * 2, strict=True):
            sock.sendall(start)
        durations: dict[int, float] = {}
        # More senders than threads: the last are served when the first have been disconnected.
        while len(durations) < len(slow_senders) and time.monotonic() - started < 20:
            for number, sock in enumerate(slow_senders):
                if number not in durations and _send_repeatedly(sock, b"0", most=1) == 0:
                    durations[number] = time.monotonic() - started
            time.sleep(0.1)
        for sock in slow_senders:
            sock.close()
        assert len(durations) == len(slow_senders)
        assert max(durations.values()) < 8
        assert status(server.send(delivery(BODY))) == 200


def test_interrupted_delivery_is_counted_and_not_recorded(server: Server) -> None:
    with server.connect() as sock:
        sock.sendall(delivery(BODY)[:-10])
        sock.shutdown(socket.SHUT_WR)
        assert status(answer(sock)) in (0, 400)

    wait_until(lambda: RefusalSample.objects.filter(reason="cut_off").exists())
    assert not WebhookEvent.objects.exists()


MALFORMED_HEADERS = {
    "length in letters": "Content-Length: many",
    "negative length": "Content-Length: -1",
    "two lengths": "Content-Length: 3\r\nContent-Length: 4",
    "length with a plus sign": "Content-Length: +3",
    "length of 4,000 digits": "Content-Length: " + "9" * 4000,
    "length and chunks": "Content-Length: 3\r\nTransfer-Encoding: chunked",
    "unknown coding": "Transfer-Encoding: gzip",
    "chunked twice": "Transfer-Encoding: chunked, chunked",
    "folded header": "X-A: b\r\n c",
    "no colon": "WorkOS-Signature",
    "NUL": "WorkOS-Signature: a\0b",
    "bare CR": "WorkOS-Signature: a\rb",
    "header of 100,000 letters": "WorkOS-Signature: " + "x" * 100_000,
    "200 headers": "\r\n".join(f"X-{number}: y" for number in range(200)),
    "underscore": "WorkOS_Signature: t=1, v1=2",
    "forwarded scheme": "X-Forwarded-Proto: http\r\nX-Forwarded-Proto: https",
}


@pytest.mark.parametrize("header", MALFORMED_HEADERS.values(), ids=MALFORMED_HEADERS.keys())
def test_malformed_headers_are_refused(server: Server, header: str) -> None:
    response = server.send(request(b"abc", header, length="Content-Length" not in header))

    assert status(response) < 500
    assert status(response) != 200


MALFORMED_CHUNKS = {
    "no size": b"\r\nabc\r\n0\r\n\r\n",
    "negative": b"-3\r\nabc\r\n0\r\n\r\n",
    "not a number": b"zz\r\nabc\r\n0\r\n\r\n",
    "no end of a chunk": b"3\r\nabcdef\r\n0\r\n\r\n",
    "absurd size": b"f" * 40 + b"\r\nabc",
    "trailer without a colon": b"3\r\nabc\r\n0\r\nno colon here\r\n\r\n",
    "trailer with a bad name": b"3\r\nabc\r\n0\r\n(bad): x\r\n\r\n",
}


@pytest.mark.parametrize("body", MALFORMED_CHUNKS.values(), ids=MALFORMED_CHUNKS.keys())
def test_malformed_chunks_are_refused_without_a_server_error(server: Server, body: bytes) -> None:
    with server.connect() as sock:
        sock.sendall(request(b"", "Transfer-Encoding: chunked", length=False) + body)
        sock.shutdown(socket.SHUT_WR)
        response = answer(sock)

    assert status(response) in (0, 400, 413)
    assert not WebhookEvent.objects.exists()


def _forged(secret: str, *, algorithm: str = "sha256", version: str = "v1", body: bytes = BODY) -> str:
    stamp = str(int(time.time() * 1000))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, algorithm).hexdigest()
    return f"t={stamp}, {version}={digest}"


def _mixed() -> str:
    """The time of one delivery, with the signature of another."""
    time_part, _, _ = _forged("whsec_current").partition(", ")
    _, _, signature_part = _forged("whsec_current", body=b"{}").partition(", ")
    return f"{time_part}, {signature_part}"


# Known attacks on signature libraries; some libraries answer the first ones with a 500 or accept them.
# Signed when the test runs: a signature is good for minutes.
ATTACKS: dict[str, Callable[[], str]] = {
    "signed with the empty key": lambda: _forged(""),
    "a time of 400 digits": lambda: f"t={'9' * 400}, v1={'0' * 64}",
    "a signature that is not ASCII": lambda: f"t=1768478400000, v1={'é' * 64}",
    "full-width digits": lambda: f"t=１７６８４７８４０００００, v1={'0' * 64}",
    "another version of the signature": lambda: _forged("whsec_current", version="v0"),
    "another algorithm": lambda: _forged("whsec_current", algorithm="sha1"),
    "empty signature": lambda: "t=1768478400000, v1=",
    "half a signature": lambda: _forged("whsec_current")[:-32],
    "time in exponent form": lambda: "t=1e12, v1=" + "0" * 64,
    "negative time": lambda: "t=-1, v1=" + "0" * 64,
    "time that is NaN": lambda: "t=NaN, v1=" + "0" * 64,
    "the signature of another body": lambda: _forged("whsec_current", body=b"{}"),
    "the time of one and the signature of another": _mixed,
    "two times": lambda: f"t=1768478400000, {_forged('whsec_current')}",
    "12 hours old, well signed": lambda: signed(BODY, at=time.time() - 43_200),
    "10,000 signatures": lambda: "t=1768478400000" + ", v1=0" * 1000,
    "a format string": lambda: "t=%s%n{0}, v1=${jndi:ldap://x}",
    "URL-encoded line break": lambda: "t=1%0d%0aSet-Cookie: a=b, v1=2",
    "quotes": lambda: "t='1' OR '1'='1', v1=--",
}


@pytest.mark.parametrize("forge", ATTACKS.values(), ids=ATTACKS.keys())
def test_known_attack_is_answered_400_and_not_recorded(server: Server, forge: Callable[[], str]) -> None:
    response = server.send(request(BODY, f"WorkOS-Signature: {forge()}"))

    assert status(response) == 400
    assert not WebhookEvent.objects.exists()


def test_pipelined_deliveries_are_all_recorded(server: Server) -> None:
    with server.connect() as sock:
        sock.sendall(delivery(event(1)) + delivery(event(2)))
        assert status(answer(sock)) == 200

    wait_until(lambda: WebhookEvent.objects.count() == 2, seconds=5)


def test_request_smuggled_behind_a_refused_one_is_refused_too(server: Server) -> None:
    with server.connect() as sock:
        sock.sendall(request(b"") + request(b"{}", "WorkOS-Signature: t=1, v1=2"))
        response = sock.recv(65536)
        while response.count(b"HTTP/1.1 ") < 2 and (more := sock.recv(65536)):
            response += more

    assert response.count(b"HTTP/1.1 400") == 2
    assert not WebhookEvent.objects.exists()


def test_flood_of_refusals_is_fully_counted_in_few_rows_and_few_writes(program: str) -> None:
    with serving(program=program, TEST_REFUSALS_INTERVAL="1") as server:

        def refused(_: int) -> int:
            return status(server.send(request(BODY, "WorkOS-Signature: t=1, v1=2")))

        before = _count_writes()
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(refused, range(600))) == {400}
        wait_until(lambda: sum(RefusalCount.objects.values_list("count", flat=True)) >= 600)

    assert sum(RefusalCount.objects.values_list("count", flat=True)) == 600
    assert RefusalCount.objects.count() <= 2, "one reason, in at most two minutes"
    assert RefusalSample.objects.count() == 1
    # At most one write per process and second.
    assert _count_writes() - before < 60


def _count_writes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT n_tup_ins + n_tup_upd FROM pg_stat_user_tables WHERE relname = 'webhooks_refusalcount'"
        )
        return int(cursor.fetchone()[0])
