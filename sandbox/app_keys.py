"""What every view shares: the table of API routes, and the way from a request to the store."""

from aiohttp import web

from sandbox.deliveries import Dispatcher
from sandbox.faults import Faults
from sandbox.rate_limits import RateLimiter
from sandbox.store import Store

STORE = web.AppKey("store", Store)
DISPATCHER = web.AppKey("dispatcher", Dispatcher)
FAULTS = web.AppKey("faults", Faults)
RATE_LIMITER = web.AppKey("rate_limiter", RateLimiter)
routes = web.RouteTableDef()


def get_store(request: web.Request) -> Store:
    return request.app[STORE]
