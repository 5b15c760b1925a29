"""The control room: what there is, what was posted, and what can be ordered, on pages that a person reads."""

from itertools import islice

from aiohttp import web

from sandbox import rendering
from sandbox.requests import DISPATCHER, FAULTS, world_of

routes = web.RouteTableDef()

DELIVERIES_SHOWN = 50


@routes.get("/_sandbox/")
async def overview(request: web.Request) -> web.Response:
    world = world_of(request)
    dispatcher = request.app[DISPATCHER]
    return rendering.page(
        "control/overview.html",
        world=world,
        pending=dispatcher.pending(),
        deliveries=list(islice(dispatcher.log.walk(backwards=True), DELIVERIES_SHOWN)),
        faults=request.app[FAULTS].ordered,
    )
