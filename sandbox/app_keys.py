"""Keys of the application's shared objects, and the route tables that the views register in."""

from aiohttp import web

from sandbox.allowed_hosts import AllowedHosts
from sandbox.deliveries import Dispatcher
from sandbox.faults import Faults
from sandbox.rate_limits import RateLimiter
from sandbox.store import Store

STORE = web.AppKey("store", Store)
DISPATCHER = web.AppKey("dispatcher", Dispatcher)
FAULTS = web.AppKey("faults", Faults)
ALLOWED_HOSTS = web.AppKey("allowed_hosts", AllowedHosts)
RATE_LIMITER = web.AppKey("rate_limiter", RateLimiter)

api_routes = web.RouteTableDef()
control_routes = web.RouteTableDef()
dashboard_routes = web.RouteTableDef()


def get_store(request: web.Request) -> Store:
    return request.app[STORE]
