"""What a sender is answered by a running server, gunicorn as in production: real sockets, rude senders."""

import gc
import hmac
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tests.deliveries import payload, signed
from tests.processes import wait_until
from tests.webhooks.server import Server, answer, request, serving, status
from webhooks.models import RefusalCount, RefusalSample, WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)

BODY = json.dumps(payload("connection.activated")).encode()


@pytest.fixture(scope="module")
def server(django_db_setup: None, django_db_blocker: object) -> Iterator[Server]:
    with serving() as server:
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


def test_new_duplicate_and_unknown_are_an_empty_200(server: Server) -> None:
    unknown = b'{"id":"event_1","event":"kitten.created","data":{}}'

    answers = [server.send(delivery(body)) for body in (BODY, BODY, unknown)]

    assert [status(said) for said in answers] == [200] * 3
    assert {said.partition(b"\r\n\r\n")[2] for said in answers} == {b""}
    assert WebhookEvent.objects.count() == 2


def test_a_database_that_does_not_answer_is_a_503_so_that_it_comes_again(db: None) -> None:
    with serving(TEST_DATABASE="gone") as broken:
        assert status(broken.send(delivery(BODY))) == 503


def test_without_a_secret_nothing_is_believed(db: None) -> None:
    with serving(TEST_NO_SECRET="1") as unconfigured:
        assert status(unconfigured.send(delivery(BODY))) == 503
    assert not WebhookEvent.objects.exists()


def test_the_table_of_answers(server: Server) -> None:
    other = signed(BODY, secret="whsec_of_somebody_else")

    assert status(server.send(request(BODY))) == 400
    assert status(server.send(request(BODY, f"WorkOS-Signature: {other}"))) == 400
    assert status(server.send(request(BODY, "WorkOS-Signature: " + "é" * 60))) == 400
    assert status(server.send(request(b"", method="GET"))) == 405
    assert status(server.send(request(b"x" * (1024 * 1024 + 1)))) == 413
    assert status(server.send(delivery(b"not an event"))) == 200
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("path", ["/webhooks/workos", "/webhooks/workos/"])
def test_there_is_no_redirect_and_no_cookie_whatever_cookies_come(server: Server, path: str) -> None:
    hostile = "Cookie: csrftoken=short; sessionid=../../etc; messages=x; =;;==\x7f"

    said = server.send(request(BODY, f"WorkOS-Signature: {signed(BODY)}", hostile, path=path))

    head = said.partition(b"\r\n\r\n")[0].lower()
    assert status(said) == 200
    for word in (b"set-cookie", b"vary", b"location"):
        assert word not in head


def test_a_host_that_is_not_ours_does_not_matter(server: Server) -> None:
    raw = delivery(BODY).replace(b"Host: localhost", b"Host: evil.example")

    assert status(server.send(raw)) == 200


def test_a_body_in_chunks_is_as_good(server: Server) -> None:
    assert status(server.send(chunked(BODY, f"WorkOS-Signature: {signed(BODY)}", size=7))) == 200
    assert WebhookEvent.objects.count() == 1


def test_chunks_without_end_are_a_413_in_constant_memory(server: Server) -> None:
    server.send(delivery(BODY))
    before = server.memory()

    with server.connect() as sock:
        sock.sendall(request(b"", "Transfer-Encoding: chunked", length=False))
        sent = _pour(sock, b"10000\r\n" + b"x" * 65536 + b"\r\n", most=200 * 1024 * 1024)

    assert sent < 100 * 1024 * 1024, "it hung up"
    assert server.memory() - before < 20 * 1024 * 1024


def test_a_chunk_size_without_end_is_hung_up_on_in_constant_memory(server: Server) -> None:
    server.send(delivery(BODY))
    before = server.memory()

    with server.connect() as sock:
        sock.sendall(request(b"", "Transfer-Encoding: chunked", length=False))
        sent = _pour(sock, b"0" * 65536, most=200 * 1024 * 1024)

    assert sent < 100 * 1024 * 1024
    assert server.memory() - before < 40 * 1024 * 1024


def test_ten_announced_gigabytes_are_a_413_that_nobody_reads(server: Server) -> None:
    before = server.memory()

    with server.connect() as sock:
        sock.sendall(request(b"", "Content-Length: 10000000000", length=False))
        said = answer(sock)
        sent = _pour(sock, b"x" * 65536, most=200 * 1024 * 1024)

    assert status(said) == 413
    assert sent < 100 * 1024 * 1024
    assert server.memory() - before < 20 * 1024 * 1024


def _pour(sock: socket.socket, piece: bytes, *, most: int) -> int:
    """Send `piece` again and again until the other side hangs up; the bytes that left."""
    sent = 0
    try:
        while sent < most:
            sock.sendall(piece)
            sent += len(piece)
    except OSError:
        pass
    return sent


def test_a_slow_body_is_waited_for(server: Server) -> None:
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


def test_who_drips_for_ever_is_hung_up_on_and_holds_nobody_up() -> None:
    with serving("--threads", "4", "--workers", "1", WEB_PATIENCE="2") as server:
        began = time.monotonic()
        drips = [server.connect() for _ in range(2) for _ in SLOW]
        for sock, start in zip(drips, [*SLOW.values()] * 2, strict=True):
            sock.sendall(start)
        lasted: dict[int, float] = {}
        # More of them than threads: the last get their turn when the first are hung up on.
        while len(lasted) < len(drips) and time.monotonic() - began < 20:
            for number, sock in enumerate(drips):
                if number not in lasted and _pour(sock, b"0", most=1) == 0:
                    lasted[number] = time.monotonic() - began
            time.sleep(0.1)
        for sock in drips:
            sock.close()
        assert len(lasted) == len(drips)
        assert max(lasted.values()) < 8
        assert status(server.send(delivery(BODY))) == 200


def test_a_sender_that_goes_away_in_the_middle_leaves_nothing_and_is_counted(server: Server) -> None:
    with server.connect() as sock:
        sock.sendall(delivery(BODY)[:-10])
        sock.shutdown(socket.SHUT_WR)
        assert status(answer(sock)) in (0, 400)

    wait_until(lambda: RefusalSample.objects.filter(reason="cut_off").exists())
    assert not WebhookEvent.objects.exists()


RUBBISH = {
    "letters": "Content-Length: many",
    "negative": "Content-Length: -1",
    "two lengths": "Content-Length: 3\r\nContent-Length: 4",
    "plus": "Content-Length: +3",
    "a number without end": "Content-Length: " + "9" * 4000,
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


@pytest.mark.parametrize("header", RUBBISH.values(), ids=RUBBISH.keys())
def test_rubbish_in_the_head_is_refused_without_a_5xx(server: Server, header: str) -> None:
    said = server.send(request(b"abc", header, length="Content-Length" not in header))

    # gunicorn says 501 of a Transfer-Encoding it does not speak: no defect of ours, nor work.
    assert status(said) < 500 or status(said) == 501
    assert status(said) != 200


BROKEN_CHUNKS = {
    "no size": b"\r\nabc\r\n0\r\n\r\n",
    "negative": b"-3\r\nabc\r\n0\r\n\r\n",
    "not a number": b"zz\r\nabc\r\n0\r\n\r\n",
    "no end of a chunk": b"3\r\nabcdef\r\n0\r\n\r\n",
    "absurd size": b"f" * 40 + b"\r\nabc",
    "trailer without a colon": b"3\r\nabc\r\n0\r\nno colon here\r\n\r\n",
    "trailer with a bad name": b"3\r\nabc\r\n0\r\n(bad): x\r\n\r\n",
}


@pytest.mark.parametrize("body", BROKEN_CHUNKS.values(), ids=BROKEN_CHUNKS.keys())
def test_broken_chunks_are_refused_without_a_5xx(server: Server, body: bytes) -> None:
    with server.connect() as sock:
        sock.sendall(request(b"", "Transfer-Encoding: chunked", length=False) + body)
        sock.shutdown(socket.SHUT_WR)
        said = answer(sock)

    assert status(said) in (0, 400, 413)
    assert not WebhookEvent.objects.exists()


def _forged(secret: str, *, algorithm: str = "sha256", version: str = "v1", body: bytes = BODY) -> str:
    stamp = str(int(time.time() * 1000))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, algorithm).hexdigest()
    return f"t={stamp}, {version}={digest}"


_GOOD = _forged("whsec_current")
_OTHER = _forged("whsec_current", body=b"{}")

# Known from the libraries of this and other senders; the first ones are a 500 or an entry in some of them.
ATTACKS = {
    "signed with the empty key": _forged(""),
    "a time of 400 digits": f"t={'9' * 400}, v1={'0' * 64}",
    "a signature that is not ASCII": f"t=1768478400000, v1={'é' * 64}",
    "digits of another script": f"t=１７６８４７８４０００００, v1={'0' * 64}",
    "another version of the signature": _forged("whsec_current", version="v0"),
    "another algorithm": _forged("whsec_current", algorithm="sha1"),
    "no algorithm": "t=1768478400000, v1=",
    "half a signature": _GOOD[:-32],
    "the time in exponents": "t=1e12, v1=" + "0" * 64,
    "a time before all time": "t=-1, v1=" + "0" * 64,
    "a time that is none": "t=NaN, v1=" + "0" * 64,
    "the signature of another body": _OTHER,
    "the time of one and the signature of another": f"{_GOOD.partition(',')[0]}, {_OTHER.partition(', ')[2]}",
    "two times": f"t=1768478400000, {_GOOD}",
    "12 hours old, well signed": signed(BODY, at=time.time() - 43_200),
    "10,000 signatures": "t=1768478400000" + ", v1=0" * 1000,
    "a format string": "t=%s%n{0}, v1=${jndi:ldap://x}",
    "a line break written out": "t=1%0d%0aSet-Cookie: a=b, v1=2",
    "quotes": "t='1' OR '1'='1', v1=--",
}


@pytest.mark.parametrize("header", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_known_attack_is_a_400_and_no_row(server: Server, header: str) -> None:
    said = server.send(request(BODY, f"WorkOS-Signature: {header}"))

    assert status(said) == 400
    assert not WebhookEvent.objects.exists()


def test_pipelined_deliveries_are_answered_each(server: Server) -> None:
    with server.connect() as sock:
        sock.sendall(delivery(event(1)) + delivery(event(2)))
        assert status(answer(sock)) == 200

    wait_until(lambda: WebhookEvent.objects.count() == 2, seconds=5)


def test_a_request_smuggled_behind_a_refused_one_needs_a_signature_too(server: Server) -> None:
    with server.connect() as sock:
        sock.sendall(request(b"") + request(b"{}", "WorkOS-Signature: t=1, v1=2"))
        said = sock.recv(65536)
        while said.count(b"HTTP/1.1 ") < 2 and (more := sock.recv(65536)):
            said += more

    assert said.count(b"HTTP/1.1 400") == 2
    assert not WebhookEvent.objects.exists()


def test_a_flood_of_refusals_is_all_counted_in_few_rows_and_few_writes() -> None:
    with serving(TEST_REFUSALS_INTERVAL="1") as server:

        def refused(_: int) -> int:
            return status(server.send(request(BODY, "WorkOS-Signature: t=1, v1=2")))

        before = _writes()
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(refused, range(600))) == {400}
        wait_until(lambda: sum(RefusalCount.objects.values_list("count", flat=True)) >= 600)

    assert sum(RefusalCount.objects.values_list("count", flat=True)) == 600
    assert RefusalCount.objects.count() <= 2, "the reason, in at most two minutes"
    assert RefusalSample.objects.count() == 1
    # At most one a process and second.
    assert _writes() - before < 60


def _writes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT n_tup_ins + n_tup_upd FROM pg_stat_user_tables WHERE relname = 'webhooks_refusalcount'"
        )
        return int(cursor.fetchone()[0])
