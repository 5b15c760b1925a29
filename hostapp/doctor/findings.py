"""What a check found."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Result(StrEnum):
    OK = "ok"
    FAILED = "failed"
    # It could not be examined; `detail` says why. Not a failure.
    NOT_CHECKED = "not_checked"
    # Only a person can know it.
    TO_CONFIRM = "to_confirm"
    CONFIRMED = "confirmed"


@dataclass(frozen=True)
class Finding:
    """`check` is a stable name, such as `database.version`. `fix`: the next step, if there is one."""

    check: str
    result: Result
    detail: str
    fix: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def ok(check: str, detail: str) -> Finding:
    return Finding(check, Result.OK, detail)


def failed(check: str, detail: str, fix: str) -> Finding:
    return Finding(check, Result.FAILED, detail, fix)


def not_checked(check: str, detail: str, fix: str = "") -> Finding:
    return Finding(check, Result.NOT_CHECKED, detail, fix)


def has_failed(findings: Iterable[Finding]) -> bool:
    return any(finding.result is Result.FAILED for finding in findings)
