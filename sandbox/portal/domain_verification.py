"""Domain verification: show the TXT record, and verify the domain by it."""

from aiohttp import web

from sandbox import domains, parameters
from sandbox.models import OrganizationDomain
from sandbox.portal.sessions import OpenSession, require_session, routes

INTENT = "domain_verification"
STATE_LABELS = {"pending": "Waiting for the record", "verified": "Verified", "failed": "Failed"}


def _get_own_domain(request: web.Request, session: OpenSession) -> OrganizationDomain:
    found = session.store.domains.get(request.match_info["id"])
    if found is None or found.organization_id != session.organization.id:
        raise session.redirect_to(INTENT)
    return found


def _render_domains(session: OpenSession, *, error: str | None = None, submitted: str = "") -> web.Response:
    rows = [
        (row, STATE_LABELS.get(row.state, row.state))
        for row in domains.list_domains(session.store, session.organization.id)
    ]
    return session.render_page(
        "domains.html",
        intent=INTENT,
        rows=rows,
        error=error,
        submitted=submitted,
        status=422 if error else 200,
    )


@routes.get("/portal/{token}/domain_verification")
@require_session(INTENT)
async def show_domains(_request: web.Request, session: OpenSession) -> web.StreamResponse:
    return _render_domains(session)


@routes.post("/portal/{token}/domain_verification")
@require_session(INTENT)
async def submit_domain(request: web.Request, session: OpenSession) -> web.StreamResponse:
    submitted = (await parameters.parse_form(request)).get("domain", "").lower()
    if not parameters.is_domain(submitted):
        return _render_domains(session, error="Enter a domain such as example.com.", submitted=submitted)
    domain = domains.find_domain(session.store, session.organization.id, submitted)
    if domain is None:
        if domains.is_domain_taken(session.store, submitted, excluding=session.organization.id):
            return _render_domains(
                session, error=f"{submitted} is used by another organization.", submitted=submitted
            )
        domain = domains.add_domain(session.store, session.organization.id, submitted)
        domains.emit_domain_created(session.store, domain, source="admin_portal")
    raise session.redirect_to(f"{INTENT}/{domain.id}")


@routes.get("/portal/{token}/domain_verification/{id}")
@require_session(INTENT)
async def show_domain(request: web.Request, session: OpenSession) -> web.StreamResponse:
    return session.render_page(
        "domain.html",
        intent=INTENT,
        item=_get_own_domain(request, session),
        missing="missing" in request.query,
    )


@routes.post("/portal/{token}/domain_verification/{id}/check")
@require_session(INTENT)
async def check_record(request: web.Request, session: OpenSession) -> web.StreamResponse:
    """Publish or remove the record in the sandbox's DNS, as the form says, then verify as the API does."""
    item = _get_own_domain(request, session)
    if (await parameters.parse_form(request)).get("outcome") == "failure":
        session.store.published_dns.discard(item.domain)
        raise session.redirect_to(f"{INTENT}/{item.id}?missing=1")
    session.store.published_dns.add(item.domain)
    domains.verify_domain(session.store, item, source="admin_portal")
    raise session.redirect_to(f"{INTENT}/{item.id}")
