"""Why a delivery is refused, and what its sender is answered. Plain Python: knows no framework."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


def gettext_noop(text: str) -> str:
    """Mark a text for translation; who shows it translates it."""
    return text


class Reason(enum.StrEnum):
    """Why a delivery is refused: a fixed list, so that it can be counted."""

    MISSING_HEADER = "missing_header"
    MALFORMED_HEADER = "malformed_header"
    NO_SECRET_MATCHES = "no_secret_matches"  # noqa: S105
    TOO_OLD = "too_old"
    IN_THE_FUTURE = "in_the_future"
    TOO_LARGE = "too_large"
    NOT_AN_EVENT = "not_an_event"
    CUT_OFF = "cut_off"
    SOURCE_NOT_ALLOWED = "source_not_allowed"

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return _ANSWERS[self].status

    @property
    def label(self) -> str:
        return _ANSWERS[self].label

    @property
    def next_step(self) -> str:
        """What staff can do about it."""
        return _ANSWERS[self].next_step


@dataclass(frozen=True)
class _Answer:
    status: int
    label: str
    next_step: str


# Each status is chosen for what the sender does next.
_ANSWERS: Mapping[Reason, _Answer] = {
    Reason.MISSING_HEADER: _Answer(
        400,
        gettext_noop("the WorkOS-Signature header is missing"),
        gettext_noop(
            "WorkOS always sends WorkOS-Signature; others do not, and some proxies drop it. If the count "
            "matches your deliveries, let the proxy pass the header on."
        ),
    ),
    Reason.MALFORMED_HEADER: _Answer(
        400,
        gettext_noop("the WorkOS-Signature header is malformed"),
        gettext_noop(
            "It is not from WorkOS, or a proxy rewrites headers. Compare its length with the header that "
            "the Dashboard shows for the delivery."
        ),
    ),
    Reason.NO_SECRET_MATCHES: _Answer(
        400,
        gettext_noop("no secret matches the signature"),
        gettext_noop(
            "Copy the endpoint's secret from the Dashboard (Webhooks) to WORKOS_WEBHOOK_SECRET; each "
            "endpoint has its own. If it is right, a proxy changes the body: only the raw bytes match."
        ),
    ),
    Reason.TOO_OLD: _Answer(
        400,
        gettext_noop("it was signed too long ago"),
        gettext_noop(
            "WorkOS signed it, long ago: someone repeats an old delivery, a queue in front of us held it, "
            "or our clock is fast. Compare the clock with `timedatectl`."
        ),
    ),
    Reason.IN_THE_FUTURE: _Answer(
        400,
        gettext_noop("it was signed in the future"),
        gettext_noop(
            "WorkOS signed it, ahead of our clock: our clock is slow. Switch on NTP (`timedatectl set-ntp "
            "true`)."
        ),
    ),
    Reason.TOO_LARGE: _Answer(
        413,
        gettext_noop("it is too large"),
        gettext_noop(
            "It is larger than 1 MiB. WorkOS's events are far smaller; if one is not, please report it."
        ),
    ),
    Reason.NOT_AN_EVENT: _Answer(
        # A 4xx would bring it back for three days, unchanged.
        200,
        gettext_noop("it is signed, but not an event"),
        gettext_noop(
            "WorkOS signed it, but it is not an event that can be recorded; the sample says why. It was "
            "answered 200 so that it is not sent again. It is kept in the Django admin (Unreadable "
            "deliveries)."
        ),
    ),
    Reason.CUT_OFF: _Answer(
        400,
        gettext_noop("its body was incomplete"),
        gettext_noop(
            "The sender went away or was too slow in the middle of the body. If the Dashboard shows time- "
            "outs, check the network and the proxy's limits."
        ),
    ),
    Reason.SOURCE_NOT_ALLOWED: _Answer(
        403,
        gettext_noop("its IP address is not allowed"),
        gettext_noop(
            "Its IP address is not in WORKOS_WEBHOOK_SOURCES. If WorkOS's addresses have changed, change "
            "the setting, or leave it empty: the signature is what protects. Behind a proxy, set "
            "TRUSTED_PROXIES."
        ),
    ),
}


class Refused(Exception):
    """A delivery that is not accepted. It is counted with its reason, and nothing that was sent is kept.

    The one exception is NotAnEvent, which WorkOS signed.
    """

    def __init__(
        self,
        reason: Reason,
        *,
        issued_at: datetime | None = None,
        body_length: int | None = None,
        detail: str = "",
    ) -> None:
        """`issued_at`: when WorkOS signed it, only if the signature is valid.

        `body_length`: bytes read or announced, None if the body was not read.
        `detail`: what is wrong, in our own words.
        """
        super().__init__(detail or reason.label)
        self.reason = reason
        self.issued_at = issued_at
        self.body_length = body_length
        self.detail = detail

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return self.reason.status
