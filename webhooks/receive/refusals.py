"""Count refused deliveries by reason and minute, and keep the newest sample of each reason.

Anyone may post to us, so nothing here grows with what is posted. Both tables have a bounded key: one sample
per reason, and a ring of minutes that starts again after three days (as long as WorkOS repeats a delivery).
Nor does a flood cost a write per request: a process counts in memory and writes at most once per interval.
Knows no framework.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from telemetry.context import LIMITED
from webhooks.receive.metrics import DELIVERIES
from webhooks.receive.reasons import Reason, Refused
from webhooks.receive.record import Cursor

logger = logging.getLogger(__name__)

# Minutes that refusals are counted for: WorkOS repeats a delivery for three days.
RING_MINUTES = 3 * 24 * 60
_MAX_UNWRITTEN = 100


@dataclass(frozen=True)
class Sample:
    """Times and lengths of a refusal, and nothing that was sent."""

    reason: Reason
    refused_at: datetime
    issued_at: datetime | None = None
    header_length: int | None = None
    body_length: int | None = None
    detail: str = ""


class NotWritten(Exception):
    """The database did not take it. The message is the name of its error."""


# A cursor in a transaction that is committed at the end. It raises NotWritten if that fails.
Transaction = Callable[[], AbstractContextManager[Cursor]]


def build_sample(refused: Refused, *, signature: str | None, now: datetime) -> Sample:
    """`signature` is the header."""
    return Sample(
        reason=refused.reason,
        refused_at=now,
        issued_at=refused.issued_at,
        header_length=None if signature is None else min(len(signature), 2**31 - 1),
        body_length=None if refused.body_length is None else min(refused.body_length, 2**63 - 1),
        detail=refused.detail,
    )


def log_signed_refusal(refused: Refused) -> None:
    """WorkOS signed it and will not send it again, so each has a line."""
    logger.error("Signed webhook left out: %s", refused.detail)


def _log_refusals(count: int, newest: Sample) -> None:
    """One line for all refusals of a reason since the last write: anyone can send any number of them."""
    if newest.reason == Reason.NOT_AN_EVENT:
        return
    clocks = ""
    if newest.issued_at:
        issued_at, ours = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (newest.issued_at, newest.refused_at))
        clocks = f" (t={issued_at}; our clock says {ours})"
    logger.warning("Webhooks refused: %s × %s%s", count, newest.reason.label, clocks)


@dataclass
class _Unwritten:
    """Refusals of one reason and minute that are not written yet, and the newest sample of them."""

    count: int
    sample: Sample


class RefusalTally:
    """Counts the refusals of this process, and writes them at most once per `interval` (seconds).

    It holds at most one entry per reason and minute. The first refusal after a quiet interval is to be
    written at once; those that follow are written at the end of the interval, in a thread of their own.
    """

    def __init__(
        self, interval: float, transaction: Transaction, close_connection: Callable[[], None] = lambda: None
    ) -> None:
        """`close_connection` is called in a thread that has written and ends."""
        self._interval = interval
        self._transaction = transaction
        self._close_connection = close_connection
        self._lock = threading.Lock()
        self._unwritten: dict[tuple[Reason, int], _Unwritten] = {}
        self._next_write = 0.0
        self._timer: threading.Timer | None = None

    def add(self, sample: Sample) -> None:
        """Count a refusal, and write if a write is due."""
        if self.count(sample):
            self.write()

    def count(self, sample: Sample) -> bool:
        """Count a refusal in memory. Returns whether a write is due now; otherwise it follows by itself."""
        DELIVERIES.labels(sample.reason.value).inc()
        key = sample.reason, int(sample.refused_at.timestamp()) // 60
        with self._lock:
            entry = self._unwritten.get(key)
            if entry is None:
                # It gets this full only when the database has been away for long: the newest minutes stay.
                while len(self._unwritten) >= _MAX_UNWRITTEN:
                    del self._unwritten[min(self._unwritten, key=lambda one: one[1])]
                entry = self._unwritten[key] = _Unwritten(0, sample)
            entry.count += 1
            entry.sample = sample
            wait = self._next_write - time.monotonic()
            if wait <= 0:
                self._next_write = time.monotonic() + self._interval
                return True
            if self._timer is None:
                self._timer = threading.Timer(wait, self._write_and_close)
                self._timer.daemon = True
                self._timer.start()
            return False

    def write(self) -> None:
        """Write what is counted. While the database does not answer, it stays counted here."""
        with self._lock:
            entries, self._unwritten = self._unwritten, {}
            self._next_write = time.monotonic() + self._interval
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        if not entries:
            return
        try:
            with self._transaction() as cursor:
                for (reason, minute), entry in sorted(entries.items()):
                    _write_count(cursor, reason, minute, entry.count)
                    _write_sample(cursor, entry.sample)
            for entry in entries.values():
                _log_refusals(entry.count, entry.sample)
        except NotWritten as error:
            logger.error("Refused webhooks not counted yet: %s", error, extra=LIMITED)
            with self._lock:
                for key, entry in entries.items():
                    if key in self._unwritten:
                        self._unwritten[key].count += entry.count
                    elif len(self._unwritten) < _MAX_UNWRITTEN:
                        self._unwritten[key] = entry

    def _write_and_close(self) -> None:
        try:
            self.write()
        finally:
            # This thread ends here, and its database connection with it.
            self._close_connection()


def _write_count(cursor: Cursor, reason: Reason, minute: int, count: int) -> None:
    # A slot that holds another minute is at least three days old, and starts again. Never backwards.
    cursor.execute(
        "INSERT INTO webhooks_refusalcount AS stored (reason, slot, minute, count)"
        " VALUES (%s, %s, to_timestamp(%s), %s)"
        " ON CONFLICT (reason, slot) DO UPDATE SET minute = EXCLUDED.minute, count ="
        " EXCLUDED.count + CASE WHEN stored.minute = EXCLUDED.minute THEN stored.count ELSE 0 END"
        " WHERE stored.minute <= EXCLUDED.minute",
        [reason.value, minute % RING_MINUTES, minute * 60, count],
    )


def _write_sample(cursor: Cursor, sample: Sample) -> None:
    cursor.execute(
        "INSERT INTO webhooks_refusalsample AS stored"
        " (reason, refused_at, issued_at, header_length, body_length, detail)"
        " VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (reason) DO UPDATE SET refused_at = EXCLUDED.refused_at,"
        " issued_at = EXCLUDED.issued_at, header_length = EXCLUDED.header_length,"
        " body_length = EXCLUDED.body_length, detail = EXCLUDED.detail"
        " WHERE stored.refused_at <= EXCLUDED.refused_at",
        [
            sample.reason.value,
            sample.refused_at,
            sample.issued_at,
            sample.header_length,
            sample.body_length,
            sample.detail,
        ],
    )
