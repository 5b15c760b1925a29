"""Certificate renewal: list SAML certificates with their expiry, and replace one."""

from aiohttp import web

from sandbox import connections, parameters
from sandbox.clock import parse_timestamp
from sandbox.models import Connection
from sandbox.portal.providers import get_connection_provider
from sandbox.portal.sessions import OpenSession, require_session, routes

INTENT = "certificate_renewal"
_DAY_MS = 86_400_000
_EXAMPLE_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIDpDCCAoygAwIBAgIGAXample\n-----END CERTIFICATE-----"


def _get_own_connection(request: web.Request, session: OpenSession) -> Connection:
    found = session.store.connections.get(request.match_info["id"])
    if found is None or found.organization_id != session.organization.id or not found.certificate_expires_at:
        raise session.redirect_to(INTENT)
    return found


def _count_days_left(session: OpenSession, connection: Connection) -> int:
    """Days until the certificate expires, rounded up; 0 or less if it has expired."""
    left = parse_timestamp(connection.certificate_expires_at or "") - session.store.clock.now_ms()
    return -(-left // _DAY_MS)


@routes.get("/portal/{token}/certificate_renewal")
@require_session(INTENT)
async def show_certificates(_request: web.Request, session: OpenSession) -> web.StreamResponse:
    rows = [
        (row, get_connection_provider(row.connection_type), _count_days_left(session, row))
        for row in session.store.connections.filter(organization_id=session.organization.id)
        if row.certificate_expires_at
    ]
    return session.render_page("certificates.html", intent=INTENT, rows=rows)


def _render_form(
    request: web.Request,
    session: OpenSession,
    *,
    submitted: str = _EXAMPLE_CERTIFICATE,
    error: str | None = None,
) -> web.Response:
    connection = _get_own_connection(request, session)
    return session.render_page(
        "certificate.html",
        intent=INTENT,
        connection=connection,
        provider=get_connection_provider(connection.connection_type),
        days=_count_days_left(session, connection),
        submitted=submitted,
        error=error,
        renewed="renewed" in request.query,
        status=422 if error else 200,
    )


@routes.get("/portal/{token}/certificate_renewal/{id}")
@require_session(INTENT)
async def show_certificate(request: web.Request, session: OpenSession) -> web.StreamResponse:
    return _render_form(request, session)


@routes.post("/portal/{token}/certificate_renewal/{id}")
@require_session(INTENT)
async def submit_certificate(request: web.Request, session: OpenSession) -> web.StreamResponse:
    connection = _get_own_connection(request, session)
    submitted = (await parameters.parse_form(request)).get("certificate", "")
    if not (
        submitted.startswith("-----BEGIN CERTIFICATE-----")
        and submitted.endswith("-----END CERTIFICATE-----")
    ):
        return _render_form(
            request,
            session,
            submitted=submitted,
            error="Paste the whole certificate, with its first and last line.",
        )
    connections.renew_certificate(session.store, connection)
    raise session.redirect_to(f"{INTENT}/{connection.id}?renewed=1")
