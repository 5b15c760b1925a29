"""Audit logs: what happened in the organization, newest first."""

from itertools import islice

from aiohttp import web

from sandbox.portal.sessions import Visit, routes, visiting

SHOWN = 50


@routes.get("/portal/{token}/audit_logs")
@visiting("audit_logs")
async def overview(_request: web.Request, visit: Visit) -> web.StreamResponse:
    owned = (
        event
        for event in visit.world.events.walk(backwards=True)
        if event.organization_id == visit.organization.id
    )
    return visit.page("audit_logs.html", intent="audit_logs", rows=list(islice(owned, SHOWN)))
