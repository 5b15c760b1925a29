"""The application: WorkOS's API at the root, the portal under /portal, the control room under /_sandbox."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from aiohttp import web

from sandbox import (  # noqa: F401  (each registers its routes)
    connections,
    control,
    dashboard,
    deletion,
    directories,
    directory_users,
    domains,
    errors,
    events,
    it_contacts,
    organizations,
    portal,
    portal_links,
    webhook_endpoints,
)
from sandbox.app_keys import DISPATCHER, FAULTS, RATE_LIMITER, STORE, routes
from sandbox.control.runtime import reject_cross_site_request
from sandbox.deliveries import Dispatcher
from sandbox.faults import Fault, Faults
from sandbox.rate_limits import RateLimiter
from sandbox.store import Store

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = logging.getLogger("sandbox.requests")

CONTROL = "/_sandbox"
KEY_PREFIX = "sk_test_"


def is_api(request: web.Request) -> bool:
    return (request.path != "/" and not request.path.startswith((CONTROL, "/portal/"))) or request.path in {
        "/portal/generate_link",
        "/portal/revoke_link",
    }


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A request id on every answer, and one line a request that shows the route and never an address."""
    began = time.perf_counter()
    try:
        response = await handler(request)
    except web.HTTPException as raised:
        _sign_off(request, raised, began)
        raise
    _sign_off(request, response, began)
    return response


def _sign_off(request: web.Request, response: web.StreamResponse, began: float) -> None:
    response.headers["X-Request-ID"] = str(uuid.uuid4())
    resource = request.match_info.route.resource
    log.info(
        "%s %s %s %.0f ms",
        request.method,
        resource.canonical if resource else "(unknown)",
        response.status,
        (time.perf_counter() - began) * 1000,
    )


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except errors.ApiError as refusal:
        return web.json_response(refusal.body, status=refusal.status, headers=refusal.headers)
    except web.HTTPException as error:
        if error.status < 400 or not is_api(request):
            raise
        # A method that a path does not take is as unknown to WorkOS as a path that it does not have.
        status = 404 if error.status == 405 else error.status
        message = f"Cannot {request.method} {request.path}" if status == 404 else error.reason
        return web.json_response({"message": message, "statusCode": status}, status=status)
    except Exception:
        log.exception("The sandbox itself failed")
        return web.json_response({"message": "Internal server error."}, status=500)


@web.middleware
async def misbehave(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer as a fault orders; the control room itself is always sound."""
    if request.path.startswith(CONTROL):
        reject_cross_site_request(request)
        return await handler(request)
    fault = request.app[FAULTS].take_response_fault(request.method, request.path)
    if fault is None:
        return await handler(request)
    if fault.kind == "cut":
        try:
            if fault.values["after"]:
                await handler(request)
        finally:
            # Nobody hears of a refusal either.
            if request.transport is not None:
                request.transport.abort()
        return web.Response(status=500)
    if fault.kind == "hang":
        try:
            return await handler(request)
        finally:
            # A refusal is as late as an answer.
            await asyncio.sleep(fault.values["seconds"])
    if fault.kind == "empty":
        return web.Response(status=200)
    if fault.kind == "link":
        return web.json_response({"link": fault.values["link"]}, status=201)
    return _ordered_status(fault, request.path)


def _ordered_status(fault: Fault, path: str) -> web.Response:
    status = int(fault.values["status"])
    if status == 401:
        refusal = errors.unauthorized()
    elif status == 429:
        refusal = errors.rate_limited(round(fault.values["retry_after"]), path)
    else:
        refusal = errors.ApiError(status, {"message": f"The sandbox was told to answer {status}."})
    return web.json_response(refusal.body, status=refusal.status, headers=refusal.headers)


@web.middleware
async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """WorkOS's key check and its limits, for its own paths. A path it does not have is 404 with any key."""
    if not is_api(request):
        return await handler(request)
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.startswith(KEY_PREFIX):
        raise errors.unauthorized()
    request.app[RATE_LIMITER].count_request(key, request.method, request.path)
    return await handler(request)


@web.middleware
async def keep(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What an answer promises is in the state file before the answer is sent."""
    try:
        return await handler(request)
    finally:
        state_file = request.app[STORE].state_file
        if state_file:
            state_file.flush()


async def lead_to_control(_request: web.Request) -> web.Response:
    raise web.HTTPFound(f"{CONTROL}/")


async def _run_dispatcher(app: web.Application) -> AsyncIterator[None]:
    await app[DISPATCHER].start()
    yield
    await app[control.BURSTS].stop()
    await app[DISPATCHER].stop()
    state_file = app[STORE].state_file
    if state_file:
        state_file.close()


def build_app(store: Store, initial_state: control.InitialState) -> web.Application:
    app = web.Application(
        middlewares=[identify, answer_errors, misbehave, admit, keep], client_max_size=64 * 2**20
    )
    faults = Faults()
    app[STORE] = store
    app[FAULTS] = faults
    app[RATE_LIMITER] = RateLimiter(store)
    app[DISPATCHER] = Dispatcher(store, faults)
    control.add_control_state(app, initial_state)
    app.add_routes(routes)
    app.add_routes(control.routes)
    app.add_routes(portal.routes)
    app.router.add_get("/", lead_to_control)
    app.router.add_static(f"{CONTROL}/static/", Path(__file__).parent / "static")
    app.cleanup_ctx.append(_run_dispatcher)
    return app
