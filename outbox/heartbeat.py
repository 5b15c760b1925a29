"""The row by which a worker process shows that it is alive."""

import os
import socket
import uuid
from datetime import datetime, timedelta

from outbox import conf
from outbox.models import WorkerHeartbeat

INTERVAL = timedelta(seconds=conf.heartbeat_seconds())
# Rows of workers that were killed are kept this long, so that people can see them.
_KEEP_DEAD = timedelta(days=1)


class Heartbeat:
    def __init__(self, *, now: datetime) -> None:
        self._id = uuid.uuid4()
        self._started_at = now

    def beat(self, *, now: datetime) -> None:
        """Save that this worker is alive, and delete the rows of workers that died long ago."""
        WorkerHeartbeat.objects.update_or_create(
            id=self._id,
            defaults={"last_seen_at": now},
            create_defaults={
                "host": socket.gethostname()[:255],
                "pid": os.getpid(),
                "started_at": self._started_at,
                "last_seen_at": now,
            },
        )
        WorkerHeartbeat.objects.filter(last_seen_at__lt=now - _KEEP_DEAD).delete()

    def stop(self) -> None:
        WorkerHeartbeat.objects.filter(id=self._id).delete()
