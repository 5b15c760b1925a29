"""Audit logs: the events of the organization, newest first."""

from itertools import islice

from aiohttp import web

from sandbox.portal.sessions import OpenSession, require_session, routes

MAX_ROWS = 50


@routes.get("/portal/{token}/audit_logs")
@require_session("audit_logs")
async def show_audit_logs(_request: web.Request, session: OpenSession) -> web.StreamResponse:
    events = (
        event
        for event in session.store.events.iterate(backwards=True)
        if event.organization_id == session.organization.id
    )
    return session.render_page("audit_logs.html", intent="audit_logs", rows=list(islice(events, MAX_ROWS)))
