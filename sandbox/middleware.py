"""Middleware: request log, errors as JSON, hosts, cross-site requests, faults, API keys, the state file."""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from sandbox import errors, rendering, request_log
from sandbox.app_keys import ALLOWED_HOSTS, FAULTS, RATE_LIMITER, STORE
from sandbox.faults import Fault
from sandbox.list_faults import LIST_FAULTS, apply_list_fault
from sandbox.request_log import REQUEST_LOG

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = logging.getLogger("sandbox.requests")

CONTROL_PREFIX = "/_sandbox"
API_KEY_PREFIX = "sk_test_"
# Sent by live.js.
REFRESH_HEADER = "X-Sandbox-Refresh"
_API_PATHS_UNDER_PORTAL = {"/portal/generate_link", "/portal/revoke_link"}


def is_api_request(request: web.Request) -> bool:
    """Whether the path belongs to WorkOS's API, not to the portal, the dashboard or the control API."""
    if request.path in _API_PATHS_UNDER_PORTAL:
        return True
    return request.path != "/" and not request.path.startswith((CONTROL_PREFIX, "/portal/"))


@web.middleware
async def log_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Add a request id to every response, and log one line per request.

    The line has the route, never the URL: URLs contain secrets.
    """
    started = time.perf_counter()
    try:
        response = await handler(request)
    except web.HTTPException as raised:
        _log_response(request, raised, started)
        raise
    _log_response(request, response, started)
    return response


@web.middleware
async def keep_api_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Keep the API's requests for the page *API requests* of the dashboard."""
    if not is_api_request(request):
        return await handler(request)
    started, at = time.perf_counter(), request.app[STORE].clock.now()
    response: web.StreamResponse | None = None
    try:
        response = await handler(request)
        response.headers["X-Request-ID"] = str(uuid.uuid4())
        return response
    finally:
        requests = request.app[REQUEST_LOG]
        requests.add(
            request_log.build_logged_request(
                request,
                response,
                logged_id=requests.new_id(),
                at=at,
                body=await request_log.read_request_body(request),
                milliseconds=round((time.perf_counter() - started) * 1000),
            )
        )


def _log_response(request: web.Request, response: web.StreamResponse, started: float) -> None:
    response.headers.setdefault("X-Request-ID", str(uuid.uuid4()))
    resource = request.match_info.route.resource
    # The pages' own files and their refresh would fill the log.
    is_noise = request.path.startswith(f"{CONTROL_PREFIX}/static/") or REFRESH_HEADER in request.headers
    log.log(
        logging.DEBUG if is_noise else logging.INFO,
        "%s %s %s %.0f ms",
        request.method,
        resource.canonical if resource else "(unknown)",
        response.status,
        (time.perf_counter() - started) * 1000,
    )


@web.middleware
async def render_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn exceptions into the JSON that WorkOS's API answers, or for a browser into a page."""
    try:
        return await handler(request)
    except errors.ApiError as error:
        if _wants_page(request):
            return _render_error_page(request, error.status, errors.describe(error))
        return errors.build_response(error)
    except web.HTTPException as error:
        if error.status >= 400 and _wants_page(request):
            return _render_error_page(request, error.status, "Check the address, or start from the overview.")
        if error.status < 400 or not is_api_request(request):
            raise
        # WorkOS answers 404, not 405, for a method that a path does not support.
        status = 404 if error.status == 405 else error.status
        message = f"Cannot {request.method} {request.path}" if status == 404 else error.reason
        return web.json_response({"message": message, "statusCode": status}, status=status)
    except (OverflowError, RecursionError, UnicodeError):
        # A value that the checks of the parameters did not foresee.
        return web.json_response({"message": "A value of the request is out of range."}, status=400)
    except Exception:
        log.exception("Internal error of the sandbox")
        return web.json_response({"message": "Internal server error."}, status=500)


def _wants_page(request: web.Request) -> bool:
    return not is_api_request(request) and "text/html" in request.headers.get("Accept", "")


def _render_error_page(request: web.Request, status: int, message: str) -> web.Response:
    return rendering.render_page(
        "error.html",
        status=status,
        title="Page not found" if status in {404, 405} else "That did not work",
        message=message,
    )


@web.middleware
async def reject_unknown_hosts(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 403 to a request for a host that is not this sandbox. See `sandbox.allowed_hosts`."""
    # A request without a Host is not a browser's.
    host = request.headers.get("Host")
    if host is not None and not request.app[ALLOWED_HOSTS].allow(host):
        raise errors.ApiError(
            403,
            {
                "message": "The sandbox does not answer to this host. Start it with --allow-host NAME or "
                "--public-url URL if it is yours."
            },
        )
    return await handler(request)


def _get_netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


@web.middleware
async def reject_cross_site_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 403 to a request that another site's page sends to the control API or the dashboard.

    They take no API key, so a browser on this machine could otherwise be made to call them.
    """
    if request.path.startswith(CONTROL_PREFIX) and request.method not in {"GET", "HEAD"}:
        origin = request.headers.get("Origin")
        cross_site = request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}
        # "null" is the origin of a page that hides it: such as one in a sandboxed frame of another site.
        if origin is not None and _get_netloc(origin) != request.host:
            cross_site = True
        if cross_site:
            raise errors.ApiError(403, {"message": "Cross-site requests to the sandbox are refused."})
    return await handler(request)


@web.middleware
async def apply_response_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Apply a fault to the response. The control API and the dashboard never have one."""
    if request.path.startswith(CONTROL_PREFIX):
        return await handler(request)
    fault = request.app[FAULTS].take_response_fault(request.method, request.path)
    if fault is None:
        return await handler(request)
    request["fault"] = fault.kind
    if fault.kind == "cut":
        try:
            if fault.values["after"]:
                await handler(request)
        finally:
            # In `finally`: a refused request is cut off, too.
            if request.transport is not None:
                request.transport.abort()
        return web.Response(status=500)
    if fault.kind == "hang":
        try:
            return await handler(request)
        finally:
            # In `finally`: the response to a refused request is delayed, too.
            await asyncio.sleep(fault.values["seconds"])
    if fault.kind in LIST_FAULTS:
        return await apply_list_fault(fault, request, await handler(request))
    if fault.kind == "empty":
        return web.Response(status=200)
    if fault.kind == "link":
        return web.json_response({"link": fault.values["link"]}, status=201)
    return _build_status_response(fault, request.path)


def _build_status_response(fault: Fault, path: str) -> web.Response:
    status = int(fault.values["status"])
    if status == 401:
        error = errors.unauthorized()
    elif status == 429:
        error = errors.rate_limited(round(fault.values["retry_after"]), path)
    else:
        error = errors.ApiError(status, {"message": f"A fault makes the sandbox answer {status}."})
    return errors.build_response(error)


@web.middleware
async def authenticate_api_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Check the API key and the rate limits, for paths of WorkOS's API only.

    Raises 401 and 429.
    """
    if not is_api_request(request):
        return await handler(request)
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.startswith(API_KEY_PREFIX):
        raise errors.unauthorized()
    request.app[RATE_LIMITER].count_request(key, request.method, request.path)
    return await handler(request)


@web.middleware
async def flush_state_file(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Write changes to the state file before the response is sent."""
    try:
        return await handler(request)
    finally:
        state_file = request.app[STORE].state_file
        if state_file:
            state_file.flush()


# The outermost first.
MIDDLEWARE = [
    log_requests,
    keep_api_requests,
    render_errors,
    reject_unknown_hosts,
    reject_cross_site_requests,
    apply_response_faults,
    authenticate_api_requests,
    flush_state_file,
]
