"""No unsigned request makes a running server fail, redirect or write a row. The receiver sets no cookie."""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoDbBlocker

from tests.webhooks.receive.server import PROGRAMS, Server, answer, request, serving_module, status
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES, CASES = 200, 10
# The rest of the site answers any other path, and may set a cookie.
_RECEIVER_PATH = re.compile(r"/webhooks/workos(/[A-Za-z0-9_-]+)?/?(\?.*)?")

# Method, path, WorkOS-Signature, other headers, body.
Case = tuple[str, str, str | None, list[str], bytes]


@pytest.fixture(scope="module")
def servers(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[dict[str, Server]]:
    with ExitStack() as stack:
        # Refusals are written once; no further write happens during the test.
        yield {
            program: stack.enter_context(
                serving_module(django_db_blocker, program=program, TEST_REFUSALS_INTERVAL="3600")
            )
            for program in PROGRAMS
        }


# Bytes that a header line can carry: CR, LF and NUL would end the line or the request.
_value = (
    st.binary(max_size=120)
    .map(lambda raw: re.sub(rb"[\r\n\0]", b"", raw).strip())
    .map(lambda raw: raw.decode("latin-1"))
)
_stamp = st.one_of(
    st.from_regex(r"[0-9]{0,20}", fullmatch=True), st.just("1768478400000"), st.just("9" * 400), _value
)
_signature = st.one_of(
    st.from_regex(r"[0-9a-fA-F]{60,68}", fullmatch=True), st.just("é" * 64), st.just(""), _value
)
_header = st.one_of(
    _value,
    st.builds("t={}, v1={}".format, _stamp, _signature),
    st.builds("t={},v1={},v1={}".format, _stamp, _signature, _signature),
    st.builds("v1={};t={}".format, _signature, _stamp),
)
_other_header = st.one_of(
    st.builds("Cookie: {}".format, _value),
    st.builds("Cookie: csrftoken={}; sessionid={}".format, _value, _value),
    st.builds("Content-Type: {}".format, _value),
    st.builds("Content-Encoding: {}".format, st.sampled_from(["gzip", "br", "identity", "x"])),
    st.builds("X-Forwarded-For: {}".format, _value),
    st.builds("X-Forwarded-Proto: {}".format, st.sampled_from(["http", "https", "ftp"])),
    st.builds("X-Forwarded-Host: {}".format, _value),
    st.builds("Authorization: {}".format, _value),
    st.builds("Origin: {}".format, _value),
    st.builds("Accept-Language: {}".format, _value),
    st.builds("X-HTTP-Method-Override: {}".format, st.sampled_from(["GET", "PUT", "x"])),
)
_body = st.one_of(
    st.binary(max_size=400),
    st.just(b'{"id":"event_1","event":"connection.activated","data":{}}'),
    st.recursive(st.just(b"1"), lambda inner: inner.map(lambda raw: b"[" + raw + b"]"), max_leaves=50),
)
_path = st.one_of(
    st.sampled_from(
        [
            *("/webhooks/workos/", "/webhooks/workos", "/webhooks/workos/x/", "/webhooks/workos//"),
            *("/webhooks/", "/webhooks/../admin/", "/webhooks/workos/%00", "/webhooks/workos/%ff%fe"),
            *(
                "/webhooks/workos/?a=1&a=%",
                "/webhooks/workos/;x",
                "/webhooks/workos/%2e%2e/",
                "/webhooks/" + "a" * 2000,
            ),
        ]
    ),
    st.from_regex(r"/webhooks/[!-~]{0,40}", fullmatch=True),
)


def _choose_path(number: int, path: str) -> str:
    return "/webhooks/workos/" if number else path


_case = st.tuples(
    st.sampled_from(["POST"] * 8 + ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "PROPFIND"]),
    # Mostly the receiver's path: otherwise few requests would be read at all.
    st.tuples(st.integers(0, 5), _path).map(lambda drawn: _choose_path(*drawn)),
    st.one_of(st.none(), _header),
    st.lists(_other_header, max_size=3),
    _body,
)


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(st.lists(_case, min_size=CASES, max_size=CASES))
def _send_generated_requests(
    servers: dict[str, Server], statuses: dict[str, list[int]], cases: list[Case]
) -> None:
    for case in cases:
        # To generate a request takes longer than to answer it.
        for program, server in servers.items():
            statuses[program].append(_send(server, program, case))


def _send(server: Server, program: str, case: Case) -> int:
    """Send this request, check what every response must be, and return the status."""
    method, path, header, others, body = case
    lines = [] if header is None else [f"WorkOS-Signature: {header}"]
    raw = request(b"", *lines, *others, path=path, method=method, length=False)
    raw = raw[:-2].decode("utf-8", "surrogateescape").encode("latin-1", "replace")
    with server.connect() as sock:
        sock.sendall(raw + f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        response = answer(sock)
    head = response.partition(b"\r\n\r\n")[0].lower()
    assert 400 <= status(response) < 500, (program, case, response[:200])
    assert b"location" not in head
    if _RECEIVER_PATH.fullmatch(path):
        assert b"set-cookie" not in head
    return status(response)


def test_arbitrary_requests_get_a_4xx_and_write_no_event(servers: dict[str, Server]) -> None:
    statuses: dict[str, list[int]] = {program: [] for program in servers}

    _send_generated_requests(servers, statuses)

    for of_server in statuses.values():
        assert len(of_server) >= EXAMPLES * CASES
        # Most requests were read in full and refused because the signature was missing or invalid.
        assert of_server.count(400) > len(of_server) * 0.4
    assert not WebhookEvent.objects.exists()
