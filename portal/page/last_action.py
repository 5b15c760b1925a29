"""What a person did last on the page of an enterprise. It ends the notices that were shown before.

In their session, and not in a message: the page polls, and every poll shows the same until the next action.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.utils.dateparse import parse_datetime

from enterprises.models import Enterprise
from enterprises.rate_limits import TIME


@dataclass(frozen=True)
class LaunchFailure:
    """Why the Admin Portal did not open. `retry_at` is the TIME in the sentence."""

    intent: str
    sentence: str
    reference: str = ""
    retry_at: datetime | None = None

    @property
    def before(self) -> str:
        """The sentence up to its time."""
        return self.sentence.partition(TIME)[0]

    @property
    def after(self) -> str:
        return self.sentence.partition(TIME)[2]


@dataclass(frozen=True)
class LastAction:
    """A launch, or “Check now”: then `previous_check` is the time of the check before, if there was one."""

    at: datetime
    is_check: bool = False
    previous_check: datetime | None = None
    failure: LaunchFailure | None = None


def save_last_action(session: SessionBase, enterprise: Enterprise, action: LastAction) -> None:
    failure = action.failure
    session[_key(enterprise)] = {
        "at": action.at.isoformat(),
        "is_check": action.is_check,
        "previous_check": _format(action.previous_check),
        "failure": failure
        and {
            "intent": failure.intent,
            "sentence": failure.sentence,
            "reference": failure.reference,
            "retry_at": _format(failure.retry_at),
        },
    }


def load_last_action(session: SessionBase, enterprise: Enterprise) -> LastAction | None:
    saved: Mapping[str, Any] | None = session.get(_key(enterprise))
    at = parse_datetime(saved["at"]) if saved else None
    if saved is None or at is None:
        return None
    failure = saved["failure"]
    return LastAction(
        at,
        saved["is_check"],
        parse_datetime(saved["previous_check"]),
        failure and LaunchFailure(**{**failure, "retry_at": parse_datetime(failure["retry_at"])}),
    )


def _key(enterprise: Enterprise) -> str:
    return f"portal_action_{enterprise.pk}"


def _format(at: datetime | None) -> str:
    return at.isoformat() if at else ""
