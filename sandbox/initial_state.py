"""The state that the command line asks for, which the sandbox starts with and a reset restores."""

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox import seeds, webhook_endpoints
from sandbox.app_keys import DISPATCHER, FAULTS, RATE_LIMITER, STORE
from sandbox.bursts import BURSTS
from sandbox.request_log import REQUEST_LOG


@dataclass(frozen=True, slots=True)
class InitialState:
    """`webhook` is (URL, secret), `frozen_at` is in milliseconds since 1970."""

    switches: dict[str, Any] = field(default_factory=dict)
    webhook: tuple[str, str] | None = None
    seed: dict[str, Any] = field(default_factory=dict)
    frozen_at: int | None = None


INITIAL_STATE = web.AppKey("initial_state", InitialState)


def apply_initial_state(app: web.Application, *, seeded: bool = True) -> None:
    """Bring a new or emptied store to its initial state.

    Raises InvalidSeed, and ValueError for an invalid switch.
    """
    store, initial_state = app[STORE], app[INITIAL_STATE]
    if initial_state.frozen_at is not None:
        store.clock.freeze(initial_state.frozen_at)
    store.switches.update(initial_state.switches)
    if initial_state.webhook:
        url, secret = initial_state.webhook
        existing = store.endpoints.filter(endpoint_url=url)
        if existing:
            # Keep the endpoint's id: pending deliveries in the state file refer to it.
            store.endpoints.put(store.with_changes(existing[0], secret=secret))
        else:
            webhook_endpoints.create_endpoint(store, url, secret=secret)
    # A state file that already has organizations is not seeded again.
    if seeded and initial_state.seed and not len(store.organizations):
        seeds.apply_seed(store, initial_state.seed)


async def reset_sandbox(app: web.Application, *, seeded: bool = True) -> None:
    """Delete everything, then apply the initial state."""
    await app[BURSTS].clear()
    await app[DISPATCHER].clear()
    app[FAULTS].clear()
    app[RATE_LIMITER].reset()
    app[REQUEST_LOG].clear()
    app[STORE].reset()
    apply_initial_state(app, seeded=seeded)
