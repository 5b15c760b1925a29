"""The signature: pure bytes in, a time or a reason out."""

import hashlib
import hmac
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workos.webhooks import _verification as sdk

from webhooks.signature import InvalidSignature, Reason, verify

VECTORS = json.loads((Path(__file__).parent / "signature_vectors.json").read_text())
SECRET = "whsec_acme"
BODY = b'{"id":"event_1"}'
NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
TOLERANCE = timedelta(seconds=180)


def digest(stamp: bytes, body: bytes = BODY, secret: str = SECRET) -> bytes:
    return hmac.new(secret.encode(), stamp + b"." + body, hashlib.sha256).hexdigest().encode()


def milliseconds(at: datetime) -> bytes:
    return str(int(at.timestamp() * 1000)).encode()


def check(
    header: bytes | None, *, body: bytes = BODY, secrets: list[str] | None = None, now: datetime = NOW
) -> datetime:
    issued_at, _ = verify(
        body, header, secrets=[SECRET] if secrets is None else secrets, tolerance=TOLERANCE, now=now
    )
    return issued_at


def reason(header: bytes | None, **changes: object) -> Reason:
    with pytest.raises(InvalidSignature) as refused:
        check(header, **changes)  # type: ignore[arg-type]
    return refused.value.reason


def header(at: datetime = NOW, **changes: str) -> bytes:
    stamp = milliseconds(at)
    return b"t=" + stamp + b", v1=" + digest(stamp, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_official_samples_verify(vector: dict[str, str]) -> None:
    then = datetime.fromtimestamp(int(vector["timestamp_ms"]) / 1000, tz=UTC)

    issued_at = check(
        vector["header"].encode(), body=vector["body"].encode(), secrets=[vector["secret"]], now=then
    )

    assert issued_at == then


def test_time_of_signing_is_returned() -> None:
    then = NOW - timedelta(seconds=90, milliseconds=123)

    assert check(header(then)) == then


def test_the_secret_that_signed_is_named() -> None:
    _, secret = verify(BODY, header(), secrets=["whsec_other", SECRET], tolerance=TOLERANCE, now=NOW)

    assert secret == SECRET


@pytest.mark.parametrize("offset", [-180, -179, 0, 179, 180])
def test_within_tolerance_either_way_is_accepted(offset: int) -> None:
    assert check(header(NOW + timedelta(seconds=offset)))


@pytest.mark.parametrize(
    ("offset", "why"),
    [
        (-181, Reason.TOO_OLD),
        (-43200, Reason.TOO_OLD),
        (181, Reason.IN_THE_FUTURE),
        (10**8, Reason.IN_THE_FUTURE),
    ],
)
def test_outside_tolerance_is_refused_with_its_direction(offset: int, why: Reason) -> None:
    assert reason(header(NOW + timedelta(seconds=offset))) is why


def test_seconds_are_told_from_milliseconds() -> None:
    stamp = str(int(NOW.timestamp())).encode()

    assert check(b"t=" + stamp + b", v1=" + digest(stamp)) == NOW


def test_space_after_the_comma_is_optional() -> None:
    assert check(header().replace(b", ", b","))


def test_any_of_several_signatures_may_match() -> None:
    stamp = milliseconds(NOW)
    good, bad = digest(stamp), digest(stamp, secret="whsec_retired")

    assert check(b"t=" + stamp + b", v1=" + bad + b", v1=" + good)
    assert check(b"t=" + stamp + b",v1=" + good + b",v1=" + bad)


def test_unknown_schemes_beside_v1_are_passed_over() -> None:
    assert check(header() + b", v2=whatever")


def test_any_of_several_secrets_may_match() -> None:
    assert check(header(), secrets=["whsec_new", SECRET])


def test_an_empty_secret_never_verifies() -> None:
    stamp = milliseconds(NOW)
    forged = b"t=" + stamp + b", v1=" + digest(stamp, secret="")

    assert reason(forged, secrets=[""]) is Reason.NO_SECRET_MATCHES
    assert reason(forged, secrets=[]) is Reason.NO_SECRET_MATCHES
    assert reason(forged, secrets=["", SECRET]) is Reason.NO_SECRET_MATCHES


def test_a_changed_byte_is_refused() -> None:
    assert reason(header(), body=BODY + b" ") is Reason.NO_SECRET_MATCHES


def test_a_changed_time_is_refused() -> None:
    later = milliseconds(NOW + timedelta(seconds=1))

    assert reason(b"t=" + later + b", v1=" + digest(milliseconds(NOW))) is Reason.NO_SECRET_MATCHES


STAMP = milliseconds(NOW)
GOOD = digest(STAMP)
HOSTILE: dict[str, bytes] = {
    "only commas": b",,,,",
    "no signature": b"t=" + STAMP,
    "no time": b"v1=" + GOOD,
    "signature first": b"v1=" + GOOD + b", t=" + STAMP,
    "other label for the time": b"x=" + STAMP + b", v1=" + GOOD,
    "other label for the signature": b"t=" + STAMP + b", v0=" + GOOD,
    "time of 400 digits": b"t=" + b"9" * 400 + b", v1=" + GOOD,
    "time of 11 digits": b"t=" + b"1" * 11 + b", v1=" + GOOD,
    "negative time": b"t=-" + STAMP + b", v1=" + GOOD,
    "time in exponent form": b"t=1e12, v1=" + GOOD,
    "time in Arabic-Indic digits": "t=١٢٣٤٥٦٧٨٩٠, v1=".encode() + GOOD,
    "time that is not a number": b"t=NaN, v1=" + GOOD,
    "empty time": b"t=, v1=" + GOOD,
    "non-ASCII signature": b"t=" + STAMP + b", v1=" + "é".encode() * 32,
    "short signature": b"t=" + STAMP + b", v1=" + GOOD[:-1],
    "long signature": b"t=" + STAMP + b", v1=" + GOOD + b"0",
    "empty signature": b"t=" + STAMP + b", v1=",
    "NUL bytes": b"t=" + STAMP + b"\0, v1=" + GOOD,
    "line break": b"t=" + STAMP + b"\n, v1=" + GOOD,
    "a hundred kilobytes": b"t=" + STAMP + b", v1=" + b"0" * 100_000,
    "ten thousand signatures": b"t=" + STAMP + (b", v1=" + b"0" * 64) * 10_000,
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_headers_are_malformed_and_no_more(hostile: bytes) -> None:
    assert reason(hostile) is Reason.MALFORMED_HEADER


@pytest.mark.parametrize("missing", [None, b""])
def test_a_missing_header_is_called_missing(missing: bytes | None) -> None:
    assert reason(missing) is Reason.MISSING_HEADER


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_whatever_the_header_and_body_hold_it_is_refused_and_nothing_else(
    hostile: bytes, body: bytes
) -> None:
    assert reason(hostile, body=body) in Reason


@given(
    stamp=st.from_regex(rb"[0-9]{0,20}", fullmatch=True), glue=st.sampled_from([b",", b", ", b" , ", b";"])
)
def test_any_time_is_accepted_within_tolerance_or_refused(stamp: bytes, glue: bytes) -> None:
    with suppress(InvalidSignature):
        assert abs(check(b"t=" + stamp + glue + b"v1=" + digest(stamp)) - NOW) <= TOLERANCE


@given(text=st.text(max_size=2000))
def test_what_we_accept_the_official_verifier_accepts(text: str) -> None:
    """The SDK's own verifier is the oracle for the ordinary form of the header."""
    body = text.encode()
    at = datetime.now(tz=UTC).replace(microsecond=0)
    stamp = milliseconds(at)
    header = b"t=" + stamp + b", v1=" + digest(stamp, body=body)

    assert check(header, body=body, now=at)
    sdk.verify_header(event_body=body, event_signature=header.decode(), secret=SECRET, tolerance=180)
