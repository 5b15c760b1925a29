"""What every view shares: the table of API routes, and the way from a request to the world."""

from aiohttp import web

from sandbox.deliveries import Dispatcher
from sandbox.faults import Faults
from sandbox.rate_limits import Limits
from sandbox.store import World

WORLD = web.AppKey("world", World)
DISPATCHER = web.AppKey("dispatcher", Dispatcher)
FAULTS = web.AppKey("faults", Faults)
LIMITS = web.AppKey("limits", Limits)
routes = web.RouteTableDef()


def world_of(request: web.Request) -> World:
    return request.app[WORLD]
