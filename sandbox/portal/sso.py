"""Single Sign-On: choose a provider, follow its steps, test a sign-in."""

from urllib.parse import urlsplit

from aiohttp import web

from sandbox import connections
from sandbox.models import Connection
from sandbox.portal.providers import CONNECTION_PROVIDERS, Field, connection_provider
from sandbox.portal.sessions import Visit, answers, routes, visiting

SAYS = {
    "draft": "Started",
    "validating": "Waiting for a test sign-in",
    "active": "Active",
    "inactive": "Turned off",
}


def _mine(request: web.Request, visit: Visit) -> Connection:
    found = visit.world.connections.get(request.match_info["id"])
    if found is None or found.organization_id != visit.organization.id:
        raise visit.to("sso")
    return found


@routes.get("/portal/{token}/sso")
@visiting("sso")
async def choose(request: web.Request, visit: Visit) -> web.StreamResponse:
    rows = visit.world.connections.where(organization_id=visit.organization.id)
    if rows and "add" not in request.query:
        shown = [
            (row, connection_provider(row.connection_type), SAYS.get(row.state, row.state)) for row in rows
        ]
        return visit.page("sso_list.html", intent="sso", rows=shown)
    return visit.page("choose.html", intent="sso", providers=CONNECTION_PROVIDERS, error=None, step=1)


@routes.post("/portal/{token}/sso")
@visiting("sso")
async def chosen(request: web.Request, visit: Visit) -> web.StreamResponse:
    wanted = (await answers(request)).get("provider")
    provider = next((item for item in CONNECTION_PROVIDERS if item.type == wanted), None)
    if provider is None:
        return visit.page(
            "choose.html",
            intent="sso",
            providers=CONNECTION_PROVIDERS,
            error="Choose your identity provider first.",
            step=1,
            status=422,
        )
    name = f"{visit.organization.name} {provider.name}"
    connection = connections.draft(visit.world, visit.organization.id, provider.type, name)
    raise visit.to(f"sso/{connection.id}")


@routes.get("/portal/{token}/sso/{id}")
@visiting("sso")
async def connection_page(request: web.Request, visit: Visit) -> web.StreamResponse:
    connection = _mine(request, visit)
    if connection.state in {"draft", "requires_type"} or "edit" in request.query:
        return _details(visit, connection)
    failed = "failed" in request.query
    template = "sso_active.html" if connection.state == "active" else "sso_test.html"
    return visit.page(
        template,
        intent="sso",
        connection=connection,
        provider=connection_provider(connection.connection_type),
        failed=failed,
        step=4 if connection.state == "active" else 3,
    )


def _details(
    visit: Visit,
    connection: Connection,
    given: dict[str, str] | None = None,
    wrong: dict[str, str] | None = None,
) -> web.Response:
    provider = connection_provider(connection.connection_type)
    base = visit.world.public_url
    if provider.type.endswith(("OIDC", "Oidc")):
        ours = [("Redirect address", f"{base}/sso/oidc/{connection.external_key}/callback")]
    else:
        ours = [
            ("ACS URL", f"{base}/sso/saml/acs/{connection.external_key}"),
            ("SP entity ID", f"{base}/sso/saml/{connection.external_key}"),
        ]
    values = {field.name: field.example for field in provider.fields} | connection.details | (given or {})
    return visit.page(
        "sso_details.html",
        intent="sso",
        connection=connection,
        provider=provider,
        ours=ours,
        values=values,
        wrong=wrong or {},
        step=2,
        status=422 if wrong else 200,
    )


def _wrong_with(field: Field, value: str) -> str | None:
    if not value:
        return f"{field.label} is missing."
    if field.kind == "url" and (urlsplit(value).scheme != "https" or not urlsplit(value).netloc):
        return f"{field.label} must begin with https://."
    return None


@routes.post("/portal/{token}/sso/{id}/details")
@visiting("sso")
async def details_entered(request: web.Request, visit: Visit) -> web.StreamResponse:
    connection = _mine(request, visit)
    given = await answers(request)
    fields = connection_provider(connection.connection_type).fields
    details = {field.name: given.get(field.name, "") for field in fields}
    wrong = {
        field.name: problem
        for field in fields
        if (problem := _wrong_with(field, details[field.name])) is not None
    }
    if wrong:
        return _details(visit, connection, details, wrong)
    connections.enter_details(visit.world, connection, details)
    raise visit.to(f"sso/{connection.id}")


@routes.post("/portal/{token}/sso/{id}/test")
@visiting("sso")
async def tested(request: web.Request, visit: Visit) -> web.StreamResponse:
    connection = _mine(request, visit)
    if (await answers(request)).get("outcome") == "failure":
        raise visit.to(f"sso/{connection.id}?failed=1")
    connections.activate(visit.world, connection)
    raise visit.to(f"sso/{connection.id}")


@routes.post("/portal/{token}/sso/{id}/remove")
@visiting("sso")
async def removed(request: web.Request, visit: Visit) -> web.StreamResponse:
    connections.delete(visit.world, _mine(request, visit), source="admin_portal")
    raise visit.to("sso")
