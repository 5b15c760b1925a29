"""Log streams and a customer's own key: a place outside that the organization points us to."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from sandbox.models import Destination
from sandbox.portal.providers import Field
from sandbox.portal.sessions import Visit, answers, routes, visiting


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
    visit: Visit, kind: Kind, *, given: dict[str, str] | None = None, wrong: dict[str, str] | None = None
) -> web.Response:
    names = dict(kind.providers)
    rows = [
        (row, names.get(row.provider, row.provider))
        for row in visit.world.destinations.where(organization_id=visit.organization.id, kind=kind.intent)
    ]
    values = {field.name: field.example for field in kind.fields} | {"provider": ""} | (given or {})
    return visit.page(
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


async def _save(request: web.Request, visit: Visit, kind: Kind) -> web.StreamResponse:
    given = await answers(request)
    wrong = _wrong(kind, given)
    if wrong:
        return _page(visit, kind, given=given, wrong=wrong)
    visit.world.destinations.put(
        Destination(
            id=visit.world.ids.new("log_stream" if kind.intent == "log_streams" else "key"),
            organization_id=visit.organization.id,
            kind=kind.intent,
            provider=given["provider"],
            details={field.name: given[field.name] for field in kind.fields},
            **visit.world.born(),
        )
    )
    raise visit.to(kind.intent)


def _remove(request: web.Request, visit: Visit, kind: Kind) -> web.HTTPSeeOther:
    found = visit.world.destinations.get(request.match_info["id"])
    if found is not None and found.organization_id == visit.organization.id and found.kind == kind.intent:
        visit.world.destinations.drop(found.id)
    return visit.to(kind.intent)


@routes.get("/portal/{token}/log_streams")
@visiting("log_streams")
async def streams(_request: web.Request, visit: Visit) -> web.StreamResponse:
    return _page(visit, KINDS["log_streams"])


@routes.post("/portal/{token}/log_streams")
@visiting("log_streams")
async def stream_entered(request: web.Request, visit: Visit) -> web.StreamResponse:
    return await _save(request, visit, KINDS["log_streams"])


@routes.post("/portal/{token}/log_streams/{id}/remove")
@visiting("log_streams")
async def stream_removed(request: web.Request, visit: Visit) -> web.StreamResponse:
    raise _remove(request, visit, KINDS["log_streams"])


@routes.get("/portal/{token}/bring_your_own_key")
@visiting("bring_your_own_key")
async def keys(_request: web.Request, visit: Visit) -> web.StreamResponse:
    return _page(visit, KINDS["bring_your_own_key"])


@routes.post("/portal/{token}/bring_your_own_key")
@visiting("bring_your_own_key")
async def key_entered(request: web.Request, visit: Visit) -> web.StreamResponse:
    return await _save(request, visit, KINDS["bring_your_own_key"])


@routes.post("/portal/{token}/bring_your_own_key/{id}/remove")
@visiting("bring_your_own_key")
async def key_removed(request: web.Request, visit: Visit) -> web.StreamResponse:
    raise _remove(request, visit, KINDS["bring_your_own_key"])
