"""Domain verification: a TXT record to copy, and a look whether it is there."""

from aiohttp import web

from sandbox import domains, parameters
from sandbox.models import OrganizationDomain
from sandbox.portal.sessions import Visit, answers, routes, visiting

INTENT = "domain_verification"
SAYS = {"pending": "Waiting for the record", "verified": "Verified", "failed": "Failed"}


def _mine(request: web.Request, visit: Visit) -> OrganizationDomain:
    found = visit.world.domains.get(request.match_info["id"])
    if found is None or found.organization_id != visit.organization.id:
        raise visit.to(INTENT)
    return found


def _overview(visit: Visit, *, error: str | None = None, given: str = "") -> web.Response:
    rows = [(row, SAYS.get(row.state, row.state)) for row in domains.of(visit.world, visit.organization.id)]
    return visit.page(
        "domains.html", intent=INTENT, rows=rows, error=error, given=given, status=422 if error else 200
    )


@routes.get("/portal/{token}/domain_verification")
@visiting(INTENT)
async def overview(_request: web.Request, visit: Visit) -> web.StreamResponse:
    return _overview(visit)


@routes.post("/portal/{token}/domain_verification")
@visiting(INTENT)
async def added(request: web.Request, visit: Visit) -> web.StreamResponse:
    given = (await answers(request)).get("domain", "").lower()
    if not parameters.is_domain(given):
        return _overview(visit, error="Enter a domain such as example.com.", given=given)
    held = next((row for row in domains.of(visit.world, visit.organization.id) if row.domain == given), None)
    if held is None:
        if domains.taken(visit.world, given, besides=visit.organization.id):
            return _overview(visit, error=f"{given} is used by another organization.", given=given)
        held = domains.add(visit.world, visit.organization.id, given)
        domains.tell_added(visit.world, held, source="admin_portal")
    raise visit.to(f"{INTENT}/{held.id}")


@routes.get("/portal/{token}/domain_verification/{id}")
@visiting(INTENT)
async def domain_page(request: web.Request, visit: Visit) -> web.StreamResponse:
    return visit.page(
        "domain.html", intent=INTENT, item=_mine(request, visit), missing="missing" in request.query
    )


@routes.post("/portal/{token}/domain_verification/{id}/check")
@visiting(INTENT)
async def checked(request: web.Request, visit: Visit) -> web.StreamResponse:
    """The form says what the sandbox's DNS should hold; the look itself is the one the API takes."""
    item = _mine(request, visit)
    if (await answers(request)).get("outcome") == "failure":
        visit.world.published_dns.discard(item.domain)
        raise visit.to(f"{INTENT}/{item.id}?missing=1")
    visit.world.published_dns.add(item.domain)
    domains.check(visit.world, item, source="admin_portal")
    raise visit.to(f"{INTENT}/{item.id}")
