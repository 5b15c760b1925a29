"""Delivery of webhooks: at least once, several at the same time, retried with backoff."""

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
from sandbox.store import Store

log = logging.getLogger("sandbox.deliveries")

MAX_LOGGED_RESPONSE_BYTES = 2000
REORDER_TIMEOUT_SECONDS = 5.0
REORDERED_INTERVAL_MS = 50


def encode_event(event: Event, *, with_context: bool) -> bytes:
    """The body of the webhook: compact JSON, with characters beyond ASCII unescaped."""
    shown = event.to_json() if with_context else event.to_webhook_json()
    return json.dumps(shown, separators=(",", ":"), ensure_ascii=False).encode()


class Dispatcher:
    """Delivers each event of the store to every endpoint that subscribes to it."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self.store = store
        self.faults = faults
        self._finished: deque[str] = deque()
        self._ready: deque[str] = deque()
        self._waiting: list[tuple[int, int, str]] = []
        self._held: dict[str, list[str]] = {}
        self._active: set[asyncio.Task[None]] = set()
        self._numbers = count()
        self._wake = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        store.add_event_listener(self.schedule_deliveries)
        store.clock.add_listener(self._wake.set)

    def schedule_deliveries(self, event: Event) -> None:
        for endpoint in self.store.endpoints:
            if endpoint.subscribes_to(event.event):
                self._schedule_delivery(event, endpoint)
        self._wake.set()

    def _schedule_delivery(self, event: Event, endpoint: WebhookEndpoint) -> None:
        faults = self.faults.take_scheduling_faults(event.event)
        kinds = tuple(fault.kind for fault in faults)
        wait = sum(fault.values["seconds"] for fault in faults if fault.kind == "delay")
        copies = 1 + sum(int(fault.values["copies"]) for fault in faults if fault.kind == "duplicate")
        if "drop" in kinds:
            self._finish_delivery(self._create_delivery(event, endpoint, kinds, state="dropped"))
            return
        for _ in range(copies):
            delivery = self._create_delivery(event, endpoint, kinds, wait=wait)
            reorder = next((fault for fault in faults if fault.kind == "reorder"), None)
            if reorder:
                self._hold_for_reorder(reorder, delivery)
            else:
                self._enqueue_delivery(delivery)

    def _create_delivery(
        self,
        event: Event,
        endpoint: WebhookEndpoint,
        faults: tuple[str, ...],
        *,
        wait: float = 0,
        state: str = "pending",
    ) -> Delivery:
        return self.store.deliveries.put(
            Delivery(
                id=self.store.ids.new_id("delivery"),
                event_id=event.id,
                event=event.event,
                endpoint_id=endpoint.id,
                url=endpoint.endpoint_url,
                state=state,
                due_ms=self.store.clock.now_ms() + round(wait * 1000),
                faults=faults,
                **self.store.new_timestamps(),
            )
        )

    def _enqueue_delivery(self, delivery: Delivery) -> None:
        if delivery.due_ms <= self.store.clock.now_ms():
            self._ready.append(delivery.id)
        else:
            heapq.heappush(self._waiting, (delivery.due_ms, next(self._numbers), delivery.id))
        self._wake.set()

    def _hold_for_reorder(self, fault: Fault, delivery: Delivery) -> None:
        """Hold the delivery until there are `size`, then release them in reverse order."""
        held = self._held.setdefault(fault.id, [])
        held.append(delivery.id)
        if len(held) >= int(fault.values["size"]):
            self._release_held(fault.id)
        elif len(held) == 1:
            # If no other delivery follows, release this one after a while.
            asyncio.get_running_loop().call_later(REORDER_TIMEOUT_SECONDS, self._release_held, fault.id)

    def _release_held(self, fault_id: str) -> None:
        now = self.store.clock.now_ms()
        for position, delivery_id in enumerate(reversed(self._held.pop(fault_id, []))):
            delivery = self.store.deliveries.get(delivery_id)
            if delivery is not None:
                self._enqueue_delivery(replace(delivery, due_ms=now + position * REORDERED_INTERVAL_MS))

    def resend_delivery(self, delivery: Delivery) -> Delivery | None:
        """Create a new delivery of the same event to the same endpoint. None if either was deleted."""
        event = self.store.events.get(delivery.event_id)
        endpoint = self.store.endpoints.get(delivery.endpoint_id)
        if event is None or endpoint is None:
            return None
        resent = self._create_delivery(event, endpoint, ("resent",))
        self._enqueue_delivery(resent)
        return resent

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            # If the receiver closed a kept-alive connection, the next delivery would fail.
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            auto_decompress=True,
        )
        for delivery in self.store.deliveries:
            if delivery.state == "pending":
                self._enqueue_delivery(delivery)
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
            now = self.store.clock.now_ms()
            while self._waiting and self._waiting[0][0] <= now:
                self._ready.append(heapq.heappop(self._waiting)[2])
            while self._ready and len(self._active) < max(1, int(self.store.switches.concurrency)):
                task = asyncio.create_task(self._attempt_delivery(self._ready.popleft()))
                self._active.add(task)
                task.add_done_callback(self._on_attempt_done)
            pause = None
            if self._waiting and not self.store.clock.frozen:
                pause = max(0.0, (self._waiting[0][0] - now) / 1000)
            # Not wait_for: it loses a cancellation that arrives at the same time as the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    def _on_attempt_done(self, task: asyncio.Task[None]) -> None:
        self._active.discard(task)
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("A delivery failed with an internal error", exc_info=task.exception())

    async def _attempt_delivery(self, delivery_id: str) -> None:
        delivery = self.store.deliveries.get(delivery_id)
        if delivery is None:
            return
        event = self.store.events.get(delivery.event_id)
        endpoint = self.store.endpoints.get(delivery.endpoint_id)
        if event is None or endpoint is None:
            self._finish_and_flush(replace(delivery, state="failed"))
            return
        faults = self.faults.take_sending_faults(event.event)
        signed_at = self.store.clock.now_ms()
        if delivery.attempts and not self.store.switches.resign_retries:
            signed_at = delivery.attempts[0]["t"]
        body, headers = self._build_request(event, endpoint, faults, signed_at=signed_at)
        attempt = await self._post_request(delivery.url, body, headers)
        attempt["t"] = signed_at
        attempt["request"] = {"headers": headers, "body": body.decode(errors="replace")}
        delivered = attempt["status"] is not None and 200 <= attempt["status"] < 300

        attempted = self.store.with_changes(
            delivery,
            attempts=(*delivery.attempts, attempt),
            faults=(*delivery.faults, *(fault.kind for fault in faults)),
        )
        delays = self.store.switches.retry_delays
        if delivered:
            self._finish_and_flush(replace(attempted, state="delivered"))
        elif len(delivery.attempts) < len(delays):
            due = self.store.clock.now_ms() + round(delays[len(delivery.attempts)] * 1000)
            self._enqueue_delivery(self.store.deliveries.put(replace(attempted, due_ms=due)))
        else:
            self._finish_and_flush(replace(attempted, state="failed"))

    def _build_request(
        self,
        event: Event,
        endpoint: WebhookEndpoint,
        faults: list[Fault],
        *,
        signed_at: int,
    ) -> tuple[bytes, dict[str, str]]:
        """The body and the headers to send, signed at this time in milliseconds."""
        body = encode_event(event, with_context=self.store.switches.envelope_context)
        active = {fault.kind: fault for fault in faults}
        t = signed_at
        if "old_timestamp" in active:
            t -= round(active["old_timestamp"].values["seconds"] * 1000)
        if "seconds" in active:
            t //= 1000
        secret = f"not-{endpoint.secret}" if "wrong_secret" in active else endpoint.secret
        signed = signature.build_header(body, secret=secret, t=t)
        if "two_signatures" in active:
            other = signature.compute_signature(body, secret=f"rotated-{endpoint.secret}", t=t)
            signed = signed.replace("v1=", f"v1={other}, v1=")
        if "no_space" in active:
            signed = signed.replace(", ", ",")
        if "change_byte" in active:
            # Change the last letter of the event's id: the body stays JSON, the signature is invalid.
            index = body.index(event.id.encode()) + len(event.id) - 1
            body = body[:index] + (b"0" if body[index : index + 1] != b"0" else b"1") + body[index + 1 :]
        return body, {
            "Content-Type": "application/json",
            "User-Agent": "WorkOS Webhooks (sandbox)",
            signature.HEADER: signed,
        }

    async def _post_request(self, url: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
        """Post the webhook. Returns the attempt for the delivery log, without the request."""
        if self._session is None:
            raise RuntimeError("the dispatcher has not been started")
        started = time.perf_counter()
        attempt: dict[str, Any] = {
            "at": self.store.clock.now(),
            "status": None,
            "answer": "",
            "error": None,
        }
        timeout = aiohttp.ClientTimeout(total=self.store.switches.webhook_timeout)
        try:
            async with self._session.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                attempt["status"] = response.status
                attempt["answer"] = (await response.content.read(MAX_LOGGED_RESPONSE_BYTES)).decode(
                    errors="replace"
                )
        except TimeoutError:
            attempt["status"], attempt["error"] = None, "no answer in time"
        except (aiohttp.ClientError, ValueError) as error:
            attempt["status"], attempt["error"] = None, f"{type(error).__name__}: {error}"
        attempt["milliseconds"] = round((time.perf_counter() - started) * 1000, 1)
        return attempt

    def _finish_and_flush(self, delivery: Delivery) -> None:
        self._finish_delivery(self.store.deliveries.put(delivery))
        if self.store.state_file:
            self.store.state_file.flush()

    def _finish_delivery(self, delivery: Delivery) -> None:
        self._finished.append(delivery.id)
        while len(self._finished) > self.store.switches.delivery_log:
            self.store.deliveries.delete(self._finished.popleft())

    def count_pending(self) -> int:
        """How many deliveries are not finished: due, waiting, held by a fault, or being sent."""
        held = sum(len(ids) for ids in self._held.values())
        return len(self._ready) + len(self._waiting) + len(self._active) + held

    def count_ready(self) -> int:
        """How many deliveries are due and not started. A burst waits while there are many."""
        return len(self._ready)

    async def clear(self) -> None:
        """Abort what is being sent and drop all deliveries."""
        for task in self._active:
            task.cancel()
        await asyncio.gather(*self._active, return_exceptions=True)
        for queue in (self._finished, self._ready, self._waiting, self._held):
            queue.clear()
