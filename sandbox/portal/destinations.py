"""Log streams and a customer's own key: a place outside that the organization points us to."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from sandbox.models import Destination
from sandbox.portal.providers import Field
from sandbox.portal.sessions import OpenSession, parse_form, require_session, routes


@dataclass(frozen=True, slots=True)
class Kind:
    intent: str
    choose: str
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


def _page(
    session: OpenSession,
    kind: Kind,
    *,
    given: dict[str, str] | None = None,
    wrong: dict[str, str] | None = None,
) -> web.Response:
    names = dict(kind.providers)
    rows = [
        (row, names.get(row.provider, row.provider))
        for row in session.store.destinations.filter(
            organization_id=session.organization.id, kind=kind.intent
        )
    ]
    values = {field.name: field.example for field in kind.fields} | {"provider": ""} | (given or {})
    return session.render_page(
        "destinations.html",
        intent=kind.intent,
        kind=kind,
        rows=rows,
        values=values,
        wrong=wrong or {},
        status=422 if wrong else 200,
    )


def _wrong(kind: Kind, given: dict[str, str]) -> dict[str, str]:
    wrong = {}
    if given.get("provider") not in dict(kind.providers):
        wrong["provider"] = "Choose one first."
    for field in kind.fields:
        value = given.get(field.name, "")
        if not value:
            wrong[field.name] = f"{field.label} is missing."
        elif field.kind == "url" and urlsplit(value).scheme != "https":
            wrong[field.name] = f"{field.label} must begin with https://."
    return wrong


async def _save(request: web.Request, session: OpenSession, kind: Kind) -> web.StreamResponse:
    given = await parse_form(request)
    wrong = _wrong(kind, given)
    if wrong:
        return _page(session, kind, given=given, wrong=wrong)
    session.store.destinations.put(
        Destination(
            id=session.store.ids.new_id("log_stream" if kind.intent == "log_streams" else "key"),
            organization_id=session.organization.id,
            kind=kind.intent,
            provider=given["provider"],
            details={field.name: given[field.name] for field in kind.fields},
            **session.store.new_timestamps(),
        )
    )
    raise session.redirect_to(kind.intent)


def _remove(request: web.Request, session: OpenSession, kind: Kind) -> web.HTTPSeeOther:
    found = session.store.destinations.get(request.match_info["id"])
    if found is not None and found.organization_id == session.organization.id and found.kind == kind.intent:
        session.store.destinations.delete(found.id)
    return session.redirect_to(kind.intent)


@routes.get("/portal/{token}/log_streams")
@require_session("log_streams")
async def streams(_request: web.Request, session: OpenSession) -> web.StreamResponse:
    return _page(session, KINDS["log_streams"])


@routes.post("/portal/{token}/log_streams")
@require_session("log_streams")
async def stream_entered(request: web.Request, session: OpenSession) -> web.StreamResponse:
    return await _save(request, session, KINDS["log_streams"])


@routes.post("/portal/{token}/log_streams/{id}/remove")
@require_session("log_streams")
async def stream_removed(request: web.Request, session: OpenSession) -> web.StreamResponse:
    raise _remove(request, session, KINDS["log_streams"])


@routes.get("/portal/{token}/bring_your_own_key")
@require_session("bring_your_own_key")
async def keys(_request: web.Request, session: OpenSession) -> web.StreamResponse:
    return _page(session, KINDS["bring_your_own_key"])


@routes.post("/portal/{token}/bring_your_own_key")
@require_session("bring_your_own_key")
async def key_entered(request: web.Request, session: OpenSession) -> web.StreamResponse:
    return await _save(request, session, KINDS["bring_your_own_key"])


@routes.post("/portal/{token}/bring_your_own_key/{id}/remove")
@require_session("bring_your_own_key")
async def key_removed(request: web.Request, session: OpenSession) -> web.StreamResponse:
    raise _remove(request, session, KINDS["bring_your_own_key"])
