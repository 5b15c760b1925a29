"""Single Sign-On: choose a provider, enter its details, test a sign-in."""

from urllib.parse import urlsplit

from aiohttp import web

from sandbox import connections, parameters
from sandbox.models import Connection
from sandbox.portal.providers import CONNECTION_PROVIDERS, Field, get_connection_provider
from sandbox.portal.sessions import OpenSession, require_session, routes

STATE_LABELS = {
    "draft": "Started",
    "validating": "Waiting for a test sign-in",
    "active": "Active",
    "inactive": "Turned off",
}


def _get_own_connection(request: web.Request, session: OpenSession) -> Connection:
    found = session.store.connections.get(request.match_info["id"])
    if found is None or found.organization_id != session.organization.id:
        raise session.redirect_to("sso")
    return found


@routes.get("/portal/{token}/sso")
@require_session("sso")
async def show_connections(request: web.Request, session: OpenSession) -> web.StreamResponse:
    rows = session.store.connections.filter(organization_id=session.organization.id)
    if rows and "add" not in request.query:
        shown = [
            (row, get_connection_provider(row.connection_type), STATE_LABELS.get(row.state, row.state))
            for row in rows
        ]
        return session.render_page("sso_list.html", intent="sso", rows=shown)
    return session.render_page(
        "choose.html", intent="sso", providers=CONNECTION_PROVIDERS, error=None, step=1
    )


@routes.post("/portal/{token}/sso")
@require_session("sso")
async def choose_provider(request: web.Request, session: OpenSession) -> web.StreamResponse:
    type_ = (await parameters.parse_form(request)).get("provider")
    provider = next((item for item in CONNECTION_PROVIDERS if item.type == type_), None)
    if provider is None:
        return session.render_page(
            "choose.html",
            intent="sso",
            providers=CONNECTION_PROVIDERS,
            error="Choose your identity provider first.",
            step=1,
            status=422,
        )
    name = f"{session.organization.name} {provider.name}"
    connection = connections.create_connection(session.store, session.organization.id, provider.type, name)
    raise session.redirect_to(f"sso/{connection.id}")


@routes.get("/portal/{token}/sso/{id}")
@require_session("sso")
async def show_connection(request: web.Request, session: OpenSession) -> web.StreamResponse:
    connection = _get_own_connection(request, session)
    if connection.state in {"draft", "requires_type"} or "edit" in request.query:
        return _render_details(session, connection)
    failed = "failed" in request.query
    template = "sso_active.html" if connection.state == "active" else "sso_test.html"
    return session.render_page(
        template,
        intent="sso",
        connection=connection,
        provider=get_connection_provider(connection.connection_type),
        failed=failed,
        step=4 if connection.state == "active" else 3,
    )


def _render_details(
    session: OpenSession,
    connection: Connection,
    submitted: dict[str, str] | None = None,
    problems: dict[str, str] | None = None,
) -> web.Response:
    provider = get_connection_provider(connection.connection_type)
    base = session.store.public_url
    if provider.type.endswith(("OIDC", "Oidc")):
        service_provider_values = [
            ("Redirect address", f"{base}/sso/oidc/{connection.external_key}/callback")
        ]
    else:
        service_provider_values = [
            ("ACS URL", f"{base}/sso/saml/acs/{connection.external_key}"),
            ("SP entity ID", f"{base}/sso/saml/{connection.external_key}"),
        ]
    values = {field.name: field.example for field in provider.fields} | connection.details | (submitted or {})
    return session.render_page(
        "sso_details.html",
        intent="sso",
        connection=connection,
        provider=provider,
        service_provider_values=service_provider_values,
        values=values,
        problems=problems or {},
        step=2,
        status=422 if problems else 200,
    )


def _find_problem(field: Field, value: str) -> str | None:
    if not value:
        return f"{field.label} is missing."
    if field.kind == "url" and (urlsplit(value).scheme != "https" or not urlsplit(value).netloc):
        return f"{field.label} must begin with https://."
    return None


@routes.post("/portal/{token}/sso/{id}/details")
@require_session("sso")
async def submit_details(request: web.Request, session: OpenSession) -> web.StreamResponse:
    connection = _get_own_connection(request, session)
    submitted = await parameters.parse_form(request)
    fields = get_connection_provider(connection.connection_type).fields
    details = {field.name: submitted.get(field.name, "") for field in fields}
    problems = {
        field.name: problem
        for field in fields
        if (problem := _find_problem(field, details[field.name])) is not None
    }
    if problems:
        return _render_details(session, connection, details, problems)
    connections.save_connection_details(session.store, connection, details)
    raise session.redirect_to(f"sso/{connection.id}")


@routes.post("/portal/{token}/sso/{id}/test")
@require_session("sso")
async def submit_test(request: web.Request, session: OpenSession) -> web.StreamResponse:
    connection = _get_own_connection(request, session)
    if (await parameters.parse_form(request)).get("outcome") == "failure":
        raise session.redirect_to(f"sso/{connection.id}?failed=1")
    connections.activate_connection(session.store, connection)
    raise session.redirect_to(f"sso/{connection.id}")


@routes.post("/portal/{token}/sso/{id}/remove")
@require_session("sso")
async def remove_connection(request: web.Request, session: OpenSession) -> web.StreamResponse:
    connections.delete_connection(session.store, _get_own_connection(request, session), source="admin_portal")
    raise session.redirect_to("sso")
