"""Certificate renewal: which SAML certificates there are, when each ends, and a new one in its place."""

from aiohttp import web

from sandbox import connections
from sandbox.clock import milliseconds
from sandbox.models import Connection
from sandbox.portal.providers import connection_provider
from sandbox.portal.sessions import Visit, answers, routes, visiting

INTENT = "certificate_renewal"
_DAY_MS = 86_400_000
_EXAMPLE = "-----BEGIN CERTIFICATE-----\nMIIDpDCCAoygAwIBAgIGAXample\n-----END CERTIFICATE-----"


def _mine(request: web.Request, visit: Visit) -> Connection:
    found = visit.world.connections.get(request.match_info["id"])
    if found is None or found.organization_id != visit.organization.id or not found.certificate_expires_at:
        raise visit.to(INTENT)
    return found


def _days_left(visit: Visit, connection: Connection) -> int:
    """Whole days begun; none or fewer when it has ended."""
    left = milliseconds(connection.certificate_expires_at or "") - visit.world.clock.now_ms()
    return -(-left // _DAY_MS)


@routes.get("/portal/{token}/certificate_renewal")
@visiting(INTENT)
async def overview(_request: web.Request, visit: Visit) -> web.StreamResponse:
    rows = [
        (row, connection_provider(row.connection_type), _days_left(visit, row))
        for row in visit.world.connections.where(organization_id=visit.organization.id)
        if row.certificate_expires_at
    ]
    return visit.page("certificates.html", intent=INTENT, rows=rows)


def _form(
    request: web.Request, visit: Visit, *, given: str = _EXAMPLE, error: str | None = None
) -> web.Response:
    connection = _mine(request, visit)
    return visit.page(
        "certificate.html",
        intent=INTENT,
        connection=connection,
        provider=connection_provider(connection.connection_type),
        days=_days_left(visit, connection),
        given=given,
        error=error,
        renewed="renewed" in request.query,
        status=422 if error else 200,
    )


@routes.get("/portal/{token}/certificate_renewal/{id}")
@visiting(INTENT)
async def certificate_page(request: web.Request, visit: Visit) -> web.StreamResponse:
    return _form(request, visit)


@routes.post("/portal/{token}/certificate_renewal/{id}")
@visiting(INTENT)
async def renewed(request: web.Request, visit: Visit) -> web.StreamResponse:
    connection = _mine(request, visit)
    given = (await answers(request)).get("certificate", "")
    if not (given.startswith("-----BEGIN CERTIFICATE-----") and given.endswith("-----END CERTIFICATE-----")):
        return _form(
            request, visit, given=given, error="Paste the whole certificate, with its first and last line."
        )
    connections.renew_certificate(visit.world, connection)
    raise visit.to(f"{INTENT}/{connection.id}?renewed=1")
