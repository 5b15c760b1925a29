"""Webhooks on their way: posted, retried with backoff, at least once, several at a time."""

import asyncio
import contextlib
import heapq
import json
import logging
import time
from collections import deque
from dataclasses import replace
from itertools import count
from typing import Any

import aiohttp

from sandbox import signature
from sandbox.faults import Fault, Faults
from sandbox.models import Delivery, Event, WebhookEndpoint
from sandbox.store import World

log = logging.getLogger("sandbox.deliveries")

ANSWER_KEPT = 2000
REORDER_WAITS = 5.0
BETWEEN_REORDERED_MS = 50


def body_of(event: Event, *, with_context: bool) -> bytes:
    """The bytes as posted: compact JSON, characters beyond ASCII as they are."""
    shown = event.as_json() if with_context else event.as_webhook()
    return json.dumps(shown, separators=(",", ":"), ensure_ascii=False).encode()


class Dispatcher:
    """Takes events from the world and sees to it that every endpoint hears of them."""

    def __init__(self, world: World, faults: Faults) -> None:
        self.world = world
        self.faults = faults
        self._finished: deque[str] = deque()
        self._ready: deque[str] = deque()
        self._waiting: list[tuple[int, int, str]] = []
        self._held: dict[str, list[str]] = {}
        self._active: set[asyncio.Task[None]] = set()
        self._numbers = count()
        self._wake = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        world.on_event(self.schedule)
        world.clock.on_change(self._wake.set)

    # Scheduling

    def schedule(self, event: Event) -> None:
        for endpoint in self.world.endpoints:
            if endpoint.wants(event.event):
                self._schedule_for(event, endpoint)
        self._wake.set()

    def _schedule_for(self, event: Event, endpoint: WebhookEndpoint) -> None:
        faults = self.faults.for_scheduling(event.event)
        kinds = tuple(fault.kind for fault in faults)
        wait = sum(fault.values["seconds"] for fault in faults if fault.kind == "delay")
        copies = 1 + sum(int(fault.values["copies"]) for fault in faults if fault.kind == "duplicate")
        if "drop" in kinds:
            self._finish(self._new(event, endpoint, kinds, state="dropped"))
            return
        for _ in range(copies):
            delivery = self._new(event, endpoint, kinds, wait=wait)
            reorder = next((fault for fault in faults if fault.kind == "reorder"), None)
            if reorder:
                self._hold(reorder, delivery)
            else:
                self._queue(delivery)

    def _new(
        self,
        event: Event,
        endpoint: WebhookEndpoint,
        faults: tuple[str, ...],
        *,
        wait: float = 0,
        state: str = "pending",
    ) -> Delivery:
        return self.world.deliveries.put(
            Delivery(
                id=self.world.ids.new("delivery"),
                event_id=event.id,
                event=event.event,
                endpoint_id=endpoint.id,
                url=endpoint.endpoint_url,
                state=state,
                due_ms=self.world.clock.now_ms() + round(wait * 1000),
                faults=faults,
                **self.world.born(),
            )
        )

    def _queue(self, delivery: Delivery) -> None:
        if delivery.due_ms <= self.world.clock.now_ms():
            self._ready.append(delivery.id)
        else:
            heapq.heappush(self._waiting, (delivery.due_ms, next(self._numbers), delivery.id))
        self._wake.set()

    def _hold(self, fault: Fault, delivery: Delivery) -> None:
        """Keep it back until `size` are together, then let them go last first, a moment apart."""
        held = self._held.setdefault(fault.id, [])
        held.append(delivery.id)
        if len(held) >= int(fault.values["size"]):
            self._release(fault.id)
        elif len(held) == 1:
            # A partner that never comes must not hold it for ever.
            asyncio.get_running_loop().call_later(REORDER_WAITS, self._release, fault.id)

    def _release(self, fault_id: str) -> None:
        now = self.world.clock.now_ms()
        for place, delivery_id in enumerate(reversed(self._held.pop(fault_id, []))):
            delivery = self.world.deliveries.get(delivery_id)
            if delivery is not None:
                self._queue(replace(delivery, due_ms=now + place * BETWEEN_REORDERED_MS))

    def resend(self, delivery: Delivery) -> Delivery | None:
        """A new delivery of the same event to the same endpoint; None if either is gone."""
        event = self.world.events.get(delivery.event_id)
        endpoint = self.world.endpoints.get(delivery.endpoint_id)
        if event is None or endpoint is None:
            return None
        again = self._new(event, endpoint, ("resent",))
        self._queue(again)
        return again

    # Running

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            # A kept-alive connection that the receiver closes meanwhile would look like a failed delivery.
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            auto_decompress=True,
        )
        for delivery in self.world.deliveries:
            if delivery.state == "pending":
                self._queue(delivery)
            else:
                self._finished.append(delivery.id)
        self._runner = asyncio.create_task(self._run())

    async def stop(self) -> None:
        for task in [self._runner, *self._active]:
            task.cancel()
        await asyncio.gather(self._runner, *self._active, return_exceptions=True)
        if self._session:
            await self._session.close()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            now = self.world.clock.now_ms()
            while self._waiting and self._waiting[0][0] <= now:
                self._ready.append(heapq.heappop(self._waiting)[2])
            while self._ready and len(self._active) < max(1, int(self.world.switches.concurrency)):
                task = asyncio.create_task(self._attempt(self._ready.popleft()))
                self._active.add(task)
                task.add_done_callback(self._attempted)
            pause = None
            if self._waiting and not self.world.clock.frozen:
                pause = max(0.0, (self._waiting[0][0] - now) / 1000)
            # Not wait_for: it loses a cancellation that comes in the same moment as the waking.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    def _attempted(self, task: asyncio.Task[None]) -> None:
        self._active.discard(task)
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("A delivery broke off", exc_info=task.exception())

    async def _attempt(self, delivery_id: str) -> None:
        delivery = self.world.deliveries.get(delivery_id)
        if delivery is None:
            return
        event = self.world.events.get(delivery.event_id)
        endpoint = self.world.endpoints.get(delivery.endpoint_id)
        if event is None or endpoint is None:
            self._settle(replace(delivery, state="failed"))
            return
        faults = self.faults.for_sending(event.event)
        body, headers = self._compose(event, endpoint, faults, first=delivery.attempts[:1])
        attempt = await self._post(delivery.url, body, headers)
        attempt["request"] = {"headers": headers, "body": body.decode(errors="replace")}
        delivered = attempt["status"] is not None and 200 <= attempt["status"] < 300

        tried = self.world.changed(
            delivery,
            attempts=(*delivery.attempts, attempt),
            faults=(*delivery.faults, *(fault.kind for fault in faults)),
        )
        delays = self.world.switches.retry_delays
        if delivered:
            self._settle(replace(tried, state="delivered"))
        elif len(delivery.attempts) < len(delays):
            due = self.world.clock.now_ms() + round(delays[len(delivery.attempts)] * 1000)
            self._queue(self.world.deliveries.put(replace(tried, due_ms=due)))
        else:
            self._settle(replace(tried, state="failed"))

    def _compose(
        self,
        event: Event,
        endpoint: WebhookEndpoint,
        faults: list[Fault],
        *,
        first: tuple[dict[str, Any], ...],
    ) -> tuple[bytes, dict[str, str]]:
        body = body_of(event, with_context=self.world.switches.envelope_context)
        ordered = {fault.kind: fault for fault in faults}
        t = self.world.clock.now_ms()
        if first and not self.world.switches.resign_retries:
            t = first[0]["t"]
        if "old_timestamp" in ordered:
            t -= round(ordered["old_timestamp"].values["seconds"] * 1000)
        if "seconds" in ordered:
            t //= 1000
        secret = f"not-{endpoint.secret}" if "wrong_secret" in ordered else endpoint.secret
        signed = signature.header(body, secret=secret, t=t)
        if "two_signatures" in ordered:
            other = signature.digest(body, secret=f"rotated-{endpoint.secret}", t=t)
            signed = signed.replace("v1=", f"v1={other}, v1=")
        if "no_space" in ordered:
            signed = signed.replace(", ", ",")
        if "change_byte" in ordered:
            # The last letter of the event's own id: still JSON, no longer what was signed.
            place = body.index(event.id.encode()) + len(event.id) - 1
            body = body[:place] + (b"0" if body[place : place + 1] != b"0" else b"1") + body[place + 1 :]
        return body, {
            "Content-Type": "application/json",
            "User-Agent": "WorkOS Webhooks (sandbox)",
            signature.HEADER: signed,
        }

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
        if self._session is None:
            raise RuntimeError("the dispatcher has not been started")
        began = time.perf_counter()
        attempt: dict[str, Any] = {
            "at": self.world.clock.now(),
            "t": self.world.clock.now_ms(),
            "status": None,
            "answer": "",
            "error": None,
        }
        timeout = aiohttp.ClientTimeout(total=self.world.switches.webhook_timeout)
        try:
            async with self._session.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                attempt["status"] = answer.status
                attempt["answer"] = (await answer.content.read(ANSWER_KEPT)).decode(errors="replace")
        except TimeoutError:
            attempt["status"], attempt["error"] = None, "no answer in time"
        except (aiohttp.ClientError, ValueError) as error:
            attempt["status"], attempt["error"] = None, f"{type(error).__name__}: {error}"
        attempt["milliseconds"] = round((time.perf_counter() - began) * 1000, 1)
        return attempt

    def _settle(self, delivery: Delivery) -> None:
        self._finish(self.world.deliveries.put(delivery))
        if self.world.journal:
            self.world.journal.flush()

    def _finish(self, delivery: Delivery) -> None:
        self._finished.append(delivery.id)
        while len(self._finished) > self.world.switches.delivery_log:
            self.world.deliveries.drop(self._finished.popleft())

    # Looking

    def pending(self) -> int:
        held = sum(len(ids) for ids in self._held.values())
        return len(self._ready) + len(self._waiting) + len(self._active) + held

    def backlog(self) -> int:
        """What could be posted at once; a burst waits while this is long."""
        return len(self._ready)

    async def forget(self) -> None:
        for task in self._active:
            task.cancel()
        await asyncio.gather(*self._active, return_exceptions=True)
        for queue in (self._finished, self._ready, self._waiting, self._held):
            queue.clear()
