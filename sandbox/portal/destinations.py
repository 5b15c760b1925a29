"""Log streams and customer-managed keys: external services that the organization configures."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from sandbox import parameters
from sandbox.models import Destination
from sandbox.portal.providers import Field
from sandbox.portal.sessions import OpenSession, require_session, routes


@dataclass(frozen=True, slots=True)
class Kind:
    """The texts, providers and fields of one intent."""

    intent: str
    question: str
    noun: str
    button: str
    providers: tuple[tuple[str, str], ...]
    fields: tuple[Field, ...]


KINDS = {
    "log_streams": Kind(
        "log_streams",
        "Where should your logs go?",
        "log stream",
        "Create log stream",
        (
            ("datadog", "Datadog"),
            ("splunk", "Splunk"),
            ("s3", "Amazon S3"),
            ("https", "Custom HTTPS endpoint"),
        ),
        (
            Field(
                "endpoint", "Endpoint", "https://logs.example.com/intake", "Where we send events to.", "url"
            ),
            Field("token", "Access token", "example-intake-token", "Sent along with every batch."),
        ),
    ),
    "bring_your_own_key": Kind(
        "bring_your_own_key",
        "Who keeps your key?",
        "key",
        "Use this key",
        (("aws", "AWS KMS"), ("gcp", "Google Cloud KMS"), ("azure", "Azure Key Vault")),
        (
            Field(
                "key",
                "Key identifier",
                "arn:aws:kms:eu-central-1:000000000000:key/example",
                "We ask for it whenever your data is encrypted or read.",
            ),
        ),
    ),
}


def _render_page(
    session: OpenSession,
    kind: Kind,
    *,
    submitted: dict[str, str] | None = None,
    problems: dict[str, str] | None = None,
) -> web.Response:
    names = dict(kind.providers)
    rows = [
        (row, names.get(row.provider, row.provider))
        for row in session.store.destinations.filter(
            organization_id=session.organization.id, kind=kind.intent
        )
    ]
    values = {field.name: field.example for field in kind.fields} | {"provider": ""} | (submitted or {})
    return session.render_page(
        "destinations.html",
        intent=kind.intent,
        kind=kind,
        rows=rows,
        values=values,
        problems=problems or {},
        status=422 if problems else 200,
    )


def _find_problems(kind: Kind, submitted: dict[str, str]) -> dict[str, str]:
    problems = {}
    if submitted.get("provider") not in dict(kind.providers):
        problems["provider"] = "Choose one first."
    for field in kind.fields:
        value = submitted.get(field.name, "")
        if not value:
            problems[field.name] = f"{field.label} is missing."
        elif field.kind == "url" and urlsplit(value).scheme != "https":
            problems[field.name] = f"{field.label} must begin with https://."
    return problems


async def _save_destination(request: web.Request, session: OpenSession, kind: Kind) -> web.StreamResponse:
    submitted = await parameters.parse_form(request)
    problems = _find_problems(kind, submitted)
    if problems:
        return _render_page(session, kind, submitted=submitted, problems=problems)
    session.store.destinations.put(
        Destination(
            id=session.store.ids.new_id("log_stream" if kind.intent == "log_streams" else "key"),
            organization_id=session.organization.id,
            kind=kind.intent,
            provider=submitted["provider"],
            details={field.name: submitted[field.name] for field in kind.fields},
            **session.store.new_timestamps(),
        )
    )
    raise session.redirect_to(kind.intent)


def _remove_destination(request: web.Request, session: OpenSession, kind: Kind) -> web.HTTPSeeOther:
    found = session.store.destinations.get(request.match_info["id"])
    if found is not None and found.organization_id == session.organization.id and found.kind == kind.intent:
        session.store.destinations.delete(found.id)
    return session.redirect_to(kind.intent)


@routes.get("/portal/{token}/log_streams")
@require_session("log_streams")
async def show_log_streams(_request: web.Request, session: OpenSession) -> web.StreamResponse:
    return _render_page(session, KINDS["log_streams"])


@routes.post("/portal/{token}/log_streams")
@require_session("log_streams")
async def submit_log_stream(request: web.Request, session: OpenSession) -> web.StreamResponse:
    return await _save_destination(request, session, KINDS["log_streams"])


@routes.post("/portal/{token}/log_streams/{id}/remove")
@require_session("log_streams")
async def remove_log_stream(request: web.Request, session: OpenSession) -> web.StreamResponse:
    raise _remove_destination(request, session, KINDS["log_streams"])


@routes.get("/portal/{token}/bring_your_own_key")
@require_session("bring_your_own_key")
async def show_keys(_request: web.Request, session: OpenSession) -> web.StreamResponse:
    return _render_page(session, KINDS["bring_your_own_key"])


@routes.post("/portal/{token}/bring_your_own_key")
@require_session("bring_your_own_key")
async def submit_key(request: web.Request, session: OpenSession) -> web.StreamResponse:
    return await _save_destination(request, session, KINDS["bring_your_own_key"])


@routes.post("/portal/{token}/bring_your_own_key/{id}/remove")
@require_session("bring_your_own_key")
async def remove_key(request: web.Request, session: OpenSession) -> web.StreamResponse:
    raise _remove_destination(request, session, KINDS["bring_your_own_key"])
