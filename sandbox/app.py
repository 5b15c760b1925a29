"""The aiohttp application: WorkOS's API at the root, the portal under /portal, the rest under /_sandbox."""

from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from sandbox import (  # noqa: F401  (each registers its routes)
    connections,
    control,
    dashboard,
    directories,
    directory_groups,
    directory_users,
    domains,
    events,
    it_contacts,
    organizations,
    portal,
    portal_links,
    setup_links,
    webhook_endpoints,
)
from sandbox.allowed_hosts import AllowedHosts
from sandbox.app_keys import (
    ALLOWED_HOSTS,
    DISPATCHER,
    FAULTS,
    RATE_LIMITER,
    STORE,
    api_routes,
    control_routes,
    dashboard_routes,
)
from sandbox.bursts import BURSTS, BurstRunner
from sandbox.dashboard.messages import MESSAGES, Messages
from sandbox.deliveries import Dispatcher
from sandbox.faults import Faults
from sandbox.initial_state import INITIAL_STATE, InitialState
from sandbox.middleware import CONTROL_PREFIX, MIDDLEWARE
from sandbox.rate_limits import RateLimiter
from sandbox.request_log import REQUEST_LOG, RequestLog
from sandbox.store import Store

MAX_BODY_BYTES = 64 * 2**20


def build_app(
    store: Store, initial_state: InitialState, allowed_hosts: AllowedHosts | None = None
) -> web.Application:
    """The application with its routes. `apply_initial_state` must be called once its runner is set up."""
    app = web.Application(middlewares=MIDDLEWARE, client_max_size=MAX_BODY_BYTES)
    faults = Faults(store.clock.now)
    app[STORE] = store
    app[FAULTS] = faults
    app[ALLOWED_HOSTS] = allowed_hosts or AllowedHosts()
    app[RATE_LIMITER] = RateLimiter(store)
    app[DISPATCHER] = Dispatcher(store, faults)
    app[BURSTS] = BurstRunner(store, app[DISPATCHER])
    app[REQUEST_LOG] = RequestLog()
    app[MESSAGES] = Messages()
    app[INITIAL_STATE] = initial_state
    for routes in (api_routes, control_routes, dashboard_routes, portal.routes):
        app.add_routes(routes)
    app.router.add_get("/", _redirect_to_dashboard)
    app.router.add_static(f"{CONTROL_PREFIX}/static/", Path(__file__).parent / "static")
    app.cleanup_ctx.append(_run_dispatcher)
    return app


async def _redirect_to_dashboard(_request: web.Request) -> web.Response:
    raise web.HTTPFound(f"{CONTROL_PREFIX}/")


async def _run_dispatcher(app: web.Application) -> AsyncIterator[None]:
    await app[DISPATCHER].start()
    yield
    await app[BURSTS].stop()
    await app[DISPATCHER].stop()
    state_file = app[STORE].state_file
    if state_file:
        state_file.close()
