"""Online: what WorkOS's API says, and whether a delivery through the public URL is recorded."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import gateway
from enterprises import conf as enterprises_conf
from enterprises.models import Enterprise
from hostapp.doctor.findings import Finding, failed, not_checked, ok
from webhooks import conf
from webhooks.event_names import PROBE_EVENT
from webhooks.models import WebhookEvent
from webhooks.registration import build_endpoint_url, find_endpoints, plan_changes
from webhooks.sending import post, sign

# Organizations that are asked for, the newest first: one request each.
_MAX_ORGANIZATIONS = 20
_MAX_NAMED = 5
_PROBE_WAITS = 10
_PROBE_WAIT_SECONDS = 0.5

_COMPARE_KEY = "Copy the key of this environment from the WorkOS Dashboard (API Keys) to WORKOS_API_KEY."


def check_api() -> Iterator[Finding]:
    """The key, the endpoint and the organizations. Ends at the first call that shows the API away."""
    url = build_endpoint_url(enterprises_conf.site_url())
    try:
        endpoints = find_endpoints(url)
    except gateway.Unavailable as error:
        yield not_checked("api", f"WorkOS does not answer now: {error.describe()}", "Try again later.")
        return
    except gateway.Refused as error:
        yield failed("api.key", f"WorkOS refuses our key: {error.describe()}", _COMPARE_KEY)
        return
    yield ok("api.key", "WorkOS accepts the key.")
    yield from _compare_endpoints(url, endpoints)
    yield from _check_organizations()


def _compare_endpoints(url: str, endpoints: list[gateway.WebhookEndpoint]) -> Iterator[Finding]:
    for change in plan_changes(url, endpoints):
        register = "Run `manage.py register_webhook`, which shows first what it will change."
        if change.action == "create":
            others = [one.url for one in gateway.list_webhook_endpoints()]
            registered = (
                f" Registered are {', '.join(others[:_MAX_NAMED])}." if others else " None is registered."
            )
            yield failed(
                "api.endpoint",
                f"No webhook endpoint posts to {_hide_token(url)}.{_hide_token(registered)}",
                register,
            )
        elif change.is_disabled:
            yield failed("api.endpoint", f"The endpoint {change.endpoint_id} is disabled.", register)
        elif change.action == "update":
            differences = [
                f"does not get {', '.join(change.added)}" if change.added else "",
                f"gets {', '.join(change.removed)}, which has no handler" if change.removed else "",
            ]
            yield failed(
                "api.endpoint",
                f"The endpoint {change.endpoint_id} {' and '.join(filter(None, differences))}.",
                register,
            )
        else:
            yield ok("api.endpoint", f"{change.endpoint_id} is enabled, for exactly the handled events.")


def _hide_token(text: str) -> str:
    return text.replace(conf.token(), "…") if conf.token() else text


def _check_organizations() -> Iterator[Finding]:
    """Whether the key finds the organizations of our customers."""
    customers = Enterprise.objects.filter(deprovisioned_at=None, organization__deleted_at=None).exclude(
        organization=None
    )
    newest = list(customers.order_by("-pk")[:_MAX_ORGANIZATIONS])
    missing = []
    for customer in newest:
        try:
            gateway.get_organization(customer.organization_id or "")
        except gateway.Refused as error:
            if error.status != 404:
                yield failed("api.organizations", f"{customer.slug}: {error.describe()}", _COMPARE_KEY)
                return
            missing.append(customer.slug)
        except gateway.Unavailable as error:
            yield not_checked("api.organizations", f"WorkOS does not answer now: {error.describe()}")
            return
    if missing:
        yield failed(
            "api.organizations",
            f"WorkOS does not know the organizations of {', '.join(missing[:_MAX_NAMED])}"
            f"{' and others' if len(missing) > _MAX_NAMED else ''} ({len(missing)} of {len(newest)}).",
            "If they were created with another key, set that one. If they were deleted in the Dashboard, run "
            "`manage.py reconcile` to see what follows.",
        )
    elif newest:
        yield ok("api.organizations", f"The newest organizations are found ({len(newest)}).")
    else:
        yield not_checked("api.organizations", "No customer has an organization yet.")


def check_delivery(now: datetime, *, wait: Callable[[float], None] = time.sleep) -> Iterator[Finding]:
    """Post a signed event of our own to the public URL, and look for its row. Deletes the row again."""
    if not conf.secrets():
        return
    url = build_endpoint_url(enterprises_conf.site_url())
    shown = _hide_token(url)
    event_id = f"event_probe_{secrets.token_hex(13)}"
    created_at = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = json.dumps({"id": event_id, "event": PROBE_EVENT, "created_at": created_at, "data": {}}).encode()
    try:
        status, answer = post(url, body, sign(body, next(iter(conf.secrets().values())), now))
    except OSError as error:
        yield not_checked(
            "delivery",
            f"{shown} does not answer this host ({type(error).__name__}). It may still answer WorkOS.",
            "If the host is closed to itself, look at the newest deliveries in the WorkOS Dashboard instead.",
        )
        return
    yield _judge_delivery(shown, status, answer, event_id, wait)


def _judge_delivery(
    url: str, status: int, answer: str, event_id: str, wait: Callable[[float], None]
) -> Finding:
    if status == 200:
        for _ in range(_PROBE_WAITS):
            if WebhookEvent.objects.filter(event_id=event_id).delete()[0]:
                return ok("delivery", f"A signed event went through {url} and was recorded.")
            wait(_PROBE_WAIT_SECONDS)
        return failed(
            "delivery",
            f"{url} accepted an event that is not in this database.",
            "Another deployment answers there, or this one uses another DATABASE_URL.",
        )
    if status == 400:
        return failed(
            "delivery",
            f"{url} refused an event that we signed: {answer}.",
            "It has another WORKOS_WEBHOOK_SECRET or clock than this process, or a proxy changes the body.",
        )
    if status == 503:
        return failed(
            "delivery",
            f"{url} records nothing now (503).",
            "See its log: its database is away, or it is overloaded.",
        )
    reasons = {
        403: "WORKOS_WEBHOOK_SOURCES, or a list in front of us, does not allow this host's address",
        404: "nothing is routed there, or WORKOS_WEBHOOK_TOKEN is another one",
    }
    why = reasons.get(status, "something in front of us answered")
    return not_checked(
        "delivery",
        f"{url} answered {status}: {why}.",
        "Look at the newest deliveries in the WorkOS Dashboard instead.",
    )
