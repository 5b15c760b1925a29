"""Bursts of directory events: up to 100,000 users, created as fast as the receiver takes the webhooks."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web

from sandbox import directory_groups, directory_users
from sandbox.deliveries import Dispatcher
from sandbox.models import Directory
from sandbox.store import Store

# Other requests run after each chunk.
CHUNK_SIZE = 200
MAX_READY_DELIVERIES = 1000
EVENTS = ("dsync.user.created", "dsync.user.updated", "dsync.user.deleted", "dsync.group.created")


@dataclass(slots=True)
class Burst:
    """`made` events of `count` have been emitted."""

    id: str
    event: str
    directory_id: str
    count: int
    made: int = 0
    done: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "event": self.event,
            "directory_id": self.directory_id,
            "count": self.count,
            "made": self.made,
            "done": self.done,
        }


def check_burst(event: str, count: int) -> None:
    """Raises ValueError for an event that is not in EVENTS, and for a count below 1."""
    if event not in EVENTS:
        raise ValueError(f"event is one of {', '.join(EVENTS)}")
    if count < 1:
        raise ValueError("count is a number from 1")


class BurstRunner:
    """Runs bursts in the background. `all` also has those done since the last reset."""

    def __init__(self, store: Store, dispatcher: Dispatcher) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._tasks: set[asyncio.Task[None]] = set()
        self.all: list[Burst] = []

    def start(self, directory: Directory, event: str, count: int) -> Burst:
        """Raises ValueError for an event that is not in EVENTS, and for a count below 1."""
        check_burst(event, count)
        burst = Burst(self._store.ids.new_id("burst"), event, directory.id, count)
        self.all.append(burst)
        task = asyncio.create_task(self._run_burst(burst, directory))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return burst

    async def _run_burst(self, burst: Burst, directory: Directory) -> None:
        operations = self._build_operations(burst, directory)
        while burst.made < burst.count and self._store.directories.get(directory.id):
            operation = next(operations, None)
            if operation is None:
                break
            operation()
            burst.made += 1
            if burst.made % CHUNK_SIZE == 0:
                if self._store.state_file:
                    self._store.state_file.flush()
                await asyncio.sleep(0)
                # Wait for the receiver: more deliveries would only fill the memory.
                while self._dispatcher.count_ready() > MAX_READY_DELIVERIES:
                    await asyncio.sleep(0.02)
        if self._store.state_file:
            self._store.state_file.flush()
        burst.done = True

    def _build_operations(self, burst: Burst, directory: Directory) -> Iterator[Callable[[], object]]:
        """One operation per event. Updates and deletions end with the last user of the directory."""
        if burst.event == "dsync.user.created":
            for _ in itertools.count():
                yield partial(directory_users.create_user, self._store, directory)
        elif burst.event == "dsync.group.created":
            for number in itertools.count(1):
                yield partial(directory_groups.create_group, self._store, directory, f"Group {number}")
        else:
            for user in self._store.users.filter(directory_id=directory.id):
                if burst.event == "dsync.user.deleted":
                    yield partial(directory_users.delete_user, self._store, user)
                else:
                    title = f"{user.job_title} (moved)"
                    yield partial(directory_users.update_user, self._store, user, job_title=title)

    def count_running(self) -> int:
        return sum(not burst.done for burst in self.all)

    async def clear(self) -> None:
        await self.stop()
        self.all.clear()

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


BURSTS = web.AppKey("bursts", BurstRunner)
