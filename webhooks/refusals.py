"""Why deliveries were refused: counted for each reason and minute, with the newest sample of each reason.

Anybody may post to us, so nothing here grows with what is posted. Both tables have a bounded key: one sample
a reason, and a ring of minutes that begins anew after three days (as long as WorkOS repeats a delivery). Nor
does a flood cost a write a request: a process adds up in memory and writes at most once an interval.
"""

import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, InterfaceError, connection, transaction

from webhooks.models import RING_MINUTES, Reason, RefusalSample

logger = logging.getLogger(__name__)

NEXT_STEP: dict[Reason, str] = {
    Reason.MISSING_HEADER: "WorkOS always sends WorkOS-Signature; strangers do not, some proxies drop it. "
    "If the number matches your deliveries, let the proxy pass the header on.",
    Reason.MALFORMED_HEADER: "Not from WorkOS, or a proxy rewrites headers. Compare with the length that the "
    "Dashboard shows for the delivery.",
    Reason.NO_SECRET_MATCHES: "Copy the endpoint's secret from the Dashboard (Webhooks) to "
    "WORKOS_WEBHOOK_SECRET; each endpoint and environment has its own. If it is right, a proxy changes the "
    "body: only the raw bytes match.",
    Reason.TOO_OLD: "WorkOS signed it, long ago: somebody repeats an old delivery, a queue in front of us "
    "held it, or our clock is fast. Compare the clock with `timedatectl`.",
    Reason.IN_THE_FUTURE: "WorkOS signed it, ahead of our clock: our clock is slow. Switch on NTP "
    "(`timedatectl set-ntp true`).",
    Reason.TOO_LARGE: "More than a mebibyte. Events of WorkOS are far smaller; if one is not, tell us.",
    Reason.NOT_AN_EVENT: "WorkOS signed it and it is not an event that can be kept; the sample says why. It "
    "was answered 200 so that it does not come back. Look it up in the Dashboard (Webhooks, deliveries).",
    Reason.CUT_OFF: "The sender went away or was too slow in the middle of the body. If the Dashboard shows "
    "time-outs, look at the network and at the proxy's limits.",
    Reason.SOURCE_NOT_ALLOWED: "Its address is not in WORKOS_WEBHOOK_SOURCES. If WorkOS's addresses have "
    "changed, change the setting, or leave it empty: the signature is what protects.",
}


@dataclass
class _Held:
    """What is added up for one reason and minute and not written yet, and the newest sample of it."""

    count: int
    sample: RefusalSample


class Tally:
    """The refusals of this process. At most one entry a reason and minute of one interval is held.

    The first one after a quiet time is written at once; those that follow wait for the end of the interval.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._lock = threading.Lock()
        self._held: dict[tuple[Reason, int], _Held] = {}
        self._next_write = 0.0
        self._timer: threading.Timer | None = None

    def add(self, sample: RefusalSample) -> None:
        key = Reason(sample.reason), int(sample.refused_at.timestamp()) // 60
        with self._lock:
            held = self._held.get(key)
            if held is None:
                # Only a database that has been away for long lets it come to this: the newest minutes stay.
                while len(self._held) >= 100:
                    del self._held[min(self._held, key=lambda held_key: held_key[1])]
                held = self._held[key] = _Held(0, sample)
            held.count += 1
            held.sample = sample
            wait = self._next_write - time.monotonic()
            if wait > 0:
                if self._timer is None:
                    self._timer = threading.Timer(wait, self._write_and_hang_up)
                    self._timer.daemon = True
                    self._timer.start()
                return
        self.write()

    def write(self) -> None:
        """Write what is held. While the database does not answer it stays held; the caller need not care."""
        with self._lock:
            held, self._held = self._held, {}
            self._next_write = time.monotonic() + self._interval
            self._timer = None
        try:
            with transaction.atomic():
                for (reason, minute), entry in sorted(held.items()):
                    _count(reason, minute, entry.count)
                    _keep(entry.sample)
        except (DatabaseError, InterfaceError) as error:
            logger.error("Refused webhooks not counted yet: %s", type(error).__name__)
            with self._lock:
                for key, entry in held.items():
                    if key in self._held:
                        self._held[key].count += entry.count
                    elif len(self._held) < 100:
                        self._held[key] = entry

    def _write_and_hang_up(self) -> None:
        try:
            self.write()
        finally:
            # This thread ends here, and its connection with it.
            connection.close()


def _count(reason: Reason, minute: int, count: int) -> None:
    # The slot holds another minute: that was three days ago or longer, and begins anew. Never backwards.
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO webhooks_refusalcount AS held (reason, slot, minute, count)"
            " VALUES (%s, %s, to_timestamp(%s), %s)"
            " ON CONFLICT (reason, slot) DO UPDATE SET minute = EXCLUDED.minute, count ="
            " EXCLUDED.count + CASE WHEN held.minute = EXCLUDED.minute THEN held.count ELSE 0 END"
            " WHERE held.minute <= EXCLUDED.minute",
            [reason.value, minute % RING_MINUTES, minute * 60, count],
        )


def _keep(sample: RefusalSample) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO webhooks_refusalsample AS held"
            " (reason, refused_at, issued_at, header_length, body_length, detail)"
            " VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (reason) DO UPDATE SET refused_at = EXCLUDED.refused_at,"
            " issued_at = EXCLUDED.issued_at, header_length = EXCLUDED.header_length,"
            " body_length = EXCLUDED.body_length, detail = EXCLUDED.detail"
            " WHERE held.refused_at <= EXCLUDED.refused_at",
            [
                sample.reason,
                sample.refused_at,
                sample.issued_at,
                sample.header_length,
                sample.body_length,
                sample.detail,
            ],
        )


def how_far(issued_at: datetime | None, refused_at: datetime) -> str:
    """`12 h old`, `40 s in the future`, or nothing where there is no time to trust."""
    if issued_at is None:
        return ""
    seconds = (refused_at - issued_at).total_seconds()
    size = abs(seconds)
    if size < 120:
        amount = f"{size:.0f} s"
    elif size < 7200:
        amount = f"{size / 60:.0f} min"
    elif size < 172_800:
        amount = f"{size / 3600:.0f} h"
    else:
        amount = f"{size / 86_400:.0f} days"
    return f"{amount} {'old' if seconds >= 0 else 'in the future: your clock?'}"
