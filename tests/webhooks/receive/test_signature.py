"""Signature verification: bytes in, the time of signing or a refusal reason out."""

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

from webhooks.receive.reasons import Reason, Refused
from webhooks.receive.signature import verify

VECTORS = json.loads((Path(__file__).parent / "signature_vectors.json").read_text())
SECRET = "whsec_acme"
BODY = b'{"id":"event_1"}'
NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
TOLERANCE = timedelta(seconds=180)


def digest(stamp: bytes, body: bytes = BODY, secret: str = SECRET) -> bytes:
    return hmac.new(secret.encode(), stamp + b"." + body, hashlib.sha256).hexdigest().encode()


def milliseconds(at: datetime) -> bytes:
    return str(int(at.timestamp() * 1000)).encode()


def verify_issued_at(
    header: bytes | None, *, body: bytes = BODY, secrets: list[str] | None = None, now: datetime = NOW
) -> datetime:
    issued_at, _ = verify(
        body, header, secrets=[SECRET] if secrets is None else secrets, tolerance=TOLERANCE, now=now
    )
    return issued_at


def refusal_reason(header: bytes | None, **changes: object) -> Reason:
    with pytest.raises(Refused) as refused:
        verify_issued_at(header, **changes)  # type: ignore[arg-type]
    return refused.value.reason


def header(at: datetime = NOW, **changes: str) -> bytes:
    stamp = milliseconds(at)
    return b"t=" + stamp + b", v1=" + digest(stamp, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_official_samples_verify(vector: dict[str, str]) -> None:
    signed_at = datetime.fromtimestamp(int(vector["timestamp_ms"]) / 1000, tz=UTC)

    issued_at = verify_issued_at(
        vector["header"].encode(), body=vector["body"].encode(), secrets=[vector["secret"]], now=signed_at
    )

    assert issued_at == signed_at


def test_verify_returns_the_time_of_signing() -> None:
    signed_at = NOW - timedelta(seconds=90, milliseconds=123)

    assert verify_issued_at(header(signed_at)) == signed_at


def test_verify_returns_the_secret_that_matched() -> None:
    _, secret = verify(BODY, header(), secrets=["whsec_other", SECRET], tolerance=TOLERANCE, now=NOW)

    assert secret == SECRET


@pytest.mark.parametrize("offset", [-180, -179, 0, 179, 180])
def test_timestamp_within_tolerance_is_accepted(offset: int) -> None:
    assert verify_issued_at(header(NOW + timedelta(seconds=offset)))


@pytest.mark.parametrize(
    ("offset", "reason"),
    [
        (-181, Reason.TOO_OLD),
        (-43200, Reason.TOO_OLD),
        (181, Reason.IN_THE_FUTURE),
        (10**8, Reason.IN_THE_FUTURE),
    ],
)
def test_timestamp_outside_tolerance_is_refused_with_the_reason(offset: int, reason: Reason) -> None:
    assert refusal_reason(header(NOW + timedelta(seconds=offset))) is reason


def test_timestamp_in_seconds_is_accepted() -> None:
    stamp = str(int(NOW.timestamp())).encode()

    assert verify_issued_at(b"t=" + stamp + b", v1=" + digest(stamp)) == NOW


def test_space_after_the_comma_is_optional() -> None:
    assert verify_issued_at(header().replace(b", ", b","))


def test_any_of_several_signatures_may_match() -> None:
    stamp = milliseconds(NOW)
    good, bad = digest(stamp), digest(stamp, secret="whsec_retired")

    assert verify_issued_at(b"t=" + stamp + b", v1=" + bad + b", v1=" + good)
    assert verify_issued_at(b"t=" + stamp + b",v1=" + good + b",v1=" + bad)


def test_unknown_signature_schemes_are_ignored() -> None:
    assert verify_issued_at(header() + b", v2=whatever")


def test_any_of_several_secrets_may_match() -> None:
    assert verify_issued_at(header(), secrets=["whsec_new", SECRET])


def test_empty_secret_never_verifies() -> None:
    stamp = milliseconds(NOW)
    forged = b"t=" + stamp + b", v1=" + digest(stamp, secret="")

    assert refusal_reason(forged, secrets=[""]) is Reason.NO_SECRET_MATCHES
    assert refusal_reason(forged, secrets=[]) is Reason.NO_SECRET_MATCHES
    assert refusal_reason(forged, secrets=["", SECRET]) is Reason.NO_SECRET_MATCHES


def test_changed_body_is_refused() -> None:
    assert refusal_reason(header(), body=BODY + b" ") is Reason.NO_SECRET_MATCHES


def test_changed_timestamp_is_refused() -> None:
    later = milliseconds(NOW + timedelta(seconds=1))

    assert refusal_reason(b"t=" + later + b", v1=" + digest(milliseconds(NOW))) is Reason.NO_SECRET_MATCHES


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
def test_hostile_header_is_refused_as_malformed(hostile: bytes) -> None:
    assert refusal_reason(hostile) is Reason.MALFORMED_HEADER


@pytest.mark.parametrize("missing", [None, b""])
def test_missing_header_is_refused_as_missing(missing: bytes | None) -> None:
    assert refusal_reason(missing) is Reason.MISSING_HEADER


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_arbitrary_header_and_body_are_refused_without_another_error(hostile: bytes, body: bytes) -> None:
    assert refusal_reason(hostile, body=body) in Reason


@given(
    stamp=st.from_regex(rb"[0-9]{0,20}", fullmatch=True),
    separator=st.sampled_from([b",", b", ", b" , ", b";"]),
)
def test_any_timestamp_is_accepted_within_tolerance_or_refused(stamp: bytes, separator: bytes) -> None:
    with suppress(Refused):
        assert abs(verify_issued_at(b"t=" + stamp + separator + b"v1=" + digest(stamp)) - NOW) <= TOLERANCE


@given(text=st.text(max_size=2000))
def test_accepted_signature_is_accepted_by_the_sdk_too(text: str) -> None:
    """The SDK's own verifier is the oracle for the ordinary form of the header."""
    body = text.encode()
    at = datetime.now(tz=UTC).replace(microsecond=0)
    stamp = milliseconds(at)
    header = b"t=" + stamp + b", v1=" + digest(stamp, body=body)

    assert verify_issued_at(header, body=body, now=at)
    sdk.verify_header(event_body=body, event_signature=header.decode(), secret=SECRET, tolerance=180)
