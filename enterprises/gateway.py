"""Our side of the WorkOS API: the only module that imports its SDK.

Plain functions in our words. Two things can go wrong, because there are two things to do: `Refused` (tell
the person why) and `Unavailable` (try again). No SDK exception leaves this module, and none of its messages
reach a person: they may carry what was sent.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import workos
from django.conf import settings
from workos.common.models import OrganizationDomainDataState
from workos.organizations.models import OrganizationDomainData

logger = logging.getLogger(__name__)


class GatewayError(Exception):
    """What stands in the message may be shown to a person; `reference` finds the request at WorkOS."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str = "",
        reference: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.reference = reference
        # Seconds that WorkOS asks us to wait.
        self.retry_after = retry_after


class Refused(GatewayError):
    """WorkOS understood and said no, or said something that we must not act on. Repeating will not help."""


class Unavailable(GatewayError):
    """WorkOS did not answer, or not with an answer. Repeating may help."""


@dataclass(frozen=True)
class Organization:
    organization_id: str
    name: str
    external_id: str
    domains: Sequence[dict[str, Any]]


@cache
def client() -> workos.WorkOSClient:
    """One client a process, made when it is first needed."""
    if not settings.WORKOS_API_KEY:
        raise Refused("WORKOS_API_KEY is not set: put a key of your WorkOS environment into .env.")
    return workos.WorkOSClient(
        api_key=settings.WORKOS_API_KEY,
        client_id=settings.WORKOS_CLIENT_ID or None,
        base_url=settings.WORKOS_BASE_URL,
        # Its own retries would keep a person waiting, and repeat a POST that may have been done.
        max_retries=0,
    )


def environment() -> str:
    """Which of WorkOS's environments our key opens: `test` or `live`. No id is known in both."""
    return "test" if settings.WORKOS_API_KEY.startswith("sk_test_") else "live"


def _options() -> Any:
    return {"max_retries": 0, "timeout": settings.WORKOS_TIMEOUT}


# https://workos.com/docs/reference/organization/get-by-external-id
def find_organization(external_id: str) -> Organization | None:
    """The Organization that carries our `external_id`, or None."""
    try:
        with _call("find_organization"):
            found = client().organizations.get_organization_by_external_id(
                external_id, request_options=_options()
            )
    except Refused as refusal:
        if refusal.status == 404:
            return None
        raise
    return _organization(found)


# https://workos.com/docs/reference/organization/create
def create_organization(*, name: str, external_id: str, domains: Sequence[str]) -> Organization:
    """Create it with `domains` pending: to say `verified` would assert an ownership that nobody has proved.

    Refused with `code="external_id_already_used"` when somebody was faster, and with `status=409` when a
    domain belongs to another Organization.
    """
    with _call("create_organization"):
        created = client().organizations.create_organization(
            name=name,
            external_id=external_id,
            domain_data=[
                OrganizationDomainData(domain=domain, state=OrganizationDomainDataState.PENDING)
                for domain in domains
            ]
            or None,
            request_options=_options(),
        )
    return _organization(created)


# https://workos.com/docs/reference/organization/update
def rename_organization(organization_id: str, *, name: str) -> None:
    with _call("rename_organization"):
        renamed = client().organizations.update_organization(
            organization_id, name=name, request_options=_options()
        )
    _organization(renamed)


# https://workos.com/docs/reference/organization/update
def claim_organization(organization_id: str, *, external_id: str) -> Organization:
    """Write our `external_id` on one that was made elsewhere."""
    with _call("claim_organization"):
        claimed = client().organizations.update_organization(
            organization_id, external_id=external_id, request_options=_options()
        )
    return _organization(claimed)


# https://workos.com/docs/reference/organization/delete (50 a minute and key)
def delete_organization(organization_id: str) -> None:
    """With all that is its own. One that is gone already is deleted, too.

    WorkOS may take its time, and its answer has no body that would prove anything: look it up to be sure.
    """
    with _gone_is_done(), _call("delete_organization"):
        client().organizations.delete_organization(organization_id, request_options=_options())


# https://workos.com/docs/reference/domain-verification/create
def add_domain(organization_id: str, domain: str) -> None:
    """Pending. Refused with `status=409` when it belongs to another Organization."""
    with _call("add_domain"):
        added = client().organization_domains.create_organization_domain(
            organization_id=organization_id, domain=domain, request_options=_options()
        )
    if not getattr(added, "id", None):
        raise Unavailable("WorkOS gave an empty answer.")


# https://workos.com/docs/reference/domain-verification/delete
def remove_domain(domain_id: str) -> None:
    with _gone_is_done(), _call("remove_domain"):
        client().organization_domains.delete_organization_domain(domain_id, request_options=_options())


# https://workos.com/docs/reference/admin-portal/portal-link/revoke
def revoke_link(*, organization_id: str, external_user_id: str) -> None:
    """End every link and open portal session of this person there. None to end is well, too."""
    with _gone_is_done(), _call("revoke_link"):
        client().admin_portal.revoke_link(
            organization=organization_id, external_user_id=external_user_id, request_options=_options()
        )


# https://workos.com/docs/reference/admin-portal/portal-link/generate
def generate_portal_link(
    *, organization_id: str, intent: str, return_url: str, success_url: str, external_user_id: str
) -> str:
    """A Portal Link: a bearer secret that lives five minutes. Redirect to it at once and keep no copy.

    Refused when WorkOS answers with something that a browser must not be sent to.
    """
    with _call("generate_portal_link"):
        answer = client().admin_portal.generate_link(
            organization=organization_id,
            intent=intent,
            return_url=return_url,
            success_url=success_url,
            external_user_id=external_user_id,
            request_options=_options(),
        )
    return _trusted_link(getattr(answer, "link", None))


# https://workos.com/docs/reference/organization/get
def get_organization(organization_id: str) -> Organization:
    """The Organization with its domains. Refused with `status=404` when WorkOS does not know it."""
    with _call("get_organization"):
        answer = client().request_raw("get", ("organizations", organization_id), request_options=_options())
    if answer.get("id") != organization_id:
        raise Unavailable("WorkOS gave an empty answer.")
    domains = answer.get("domains")
    return Organization(
        organization_id=organization_id,
        name=str(answer.get("name") or ""),
        external_id=str(answer.get("external_id") or ""),
        domains=[domain for domain in domains if isinstance(domain, dict)]
        if isinstance(domains, list)
        else [],
    )


# https://workos.com/docs/reference/sso/connection/list
def list_connections(organization_id: str) -> list[dict[str, Any]]:
    """All of them, as WorkOS sends them: one that the SDK cannot read must not hide the others."""
    return _all("connections", organization_id)


# https://workos.com/docs/reference/directory-sync/directory/list
def list_directories(organization_id: str) -> list[dict[str, Any]]:
    return _all("directories", organization_id)


def is_gone(kind: str, object_id: str) -> bool:
    """Whether WorkOS says 404 of it; `kind` is `connections`, `directories` or `organization_domains`."""
    try:
        with _call(f"get {kind}"):
            client().request_raw("get", (kind, object_id), request_options=_options())
    except Refused as refusal:
        if refusal.status == 404:
            return True
        raise
    return False


_PAGES = 20


def _all(kind: str, organization_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"organization_id": organization_id, "limit": 100}
    for _ in range(_PAGES):
        with _call(f"list {kind}"):
            answer = client().request_raw("get", (kind,), params=params, request_options=_options())
            data = answer["data"]
            after = (answer.get("list_metadata") or {}).get("after")
        if not isinstance(data, list):
            break
        found += [item for item in data if isinstance(item, dict)]
        if not after:
            return found
        params["after"] = after
    raise Unavailable("WorkOS gave a list that does not end.")


# https://workos.com/docs/reference/organization/it-contact
def find_or_create_it_contact(organization_id: str, email: str) -> str:
    """The id of the IT contact with this address; made if there is none."""
    try:
        with _call("create_it_contact"):
            return (
                client()
                .organizations.create_it_contact(organization_id, email=email, request_options=_options())
                .id
            )
    except Refused as refusal:
        if refusal.status != 409:
            raise
    with _call("list_it_contacts"):
        answer = client().organizations.list_it_contacts(organization_id, request_options=_options())
        found = [contact.id for contact in answer.data if contact.email.lower() == email.lower()]
    if not found:
        raise Refused("WorkOS says that it knows this address, and does not list it.", status=409)
    return found[0]


# Where IT contacts are invited, one intent has another name.
_INVITED = {"dsync": "directory_sync"}


def invite_it_contact(organization_id: str, contact_id: str, *, intents: Sequence[str]) -> None:
    """WorkOS mails a setup link, good for 30 days. Refused with `status=409` while another one is good."""
    with _call("invite_it_contact"):
        client().organizations.invite_it_contact(
            organization_id,
            contact_id,
            intents=[_INVITED.get(intent, intent) for intent in intents],
            request_options=_options(),
        )


def revoke_it_contact(organization_id: str, contact_id: str) -> None:
    """End the contact's invitation, and what was opened with it. Repeating is harmless."""
    try:
        with _call("revoke_it_contact"):
            client().organizations.revoke_it_contact(organization_id, contact_id, request_options=_options())
    except Refused as refusal:
        if refusal.status != 404:
            raise


# Printable ASCII without the backslash, which browsers read as a slash and parsers do not.
_LINK = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?([/?][!-\[\]-~]*)?")


def _trusted_link(link: object) -> str:
    if isinstance(link, str) and _LINK.fullmatch(link):
        parts = urlsplit(link)
        origin = f"{parts.scheme}://{parts.netloc.lower()}"
        if origin in settings.WORKOS_LINK_ORIGINS:
            return link
        logger.error(
            "WorkOS gave a Portal Link with the origin %s, which is not on the list. "
            "If it is yours, add its host to WORKOS_LINK_HOSTS.",
            origin,
        )
    else:
        logger.error("WorkOS gave no usable Portal Link (a %s).", type(link).__name__)
    raise Refused("WorkOS answered with an address that we do not trust, so we did not send you there.")


def _organization(answer: Any) -> Organization:
    organization_id = getattr(answer, "id", None)
    if not isinstance(organization_id, str) or not organization_id:
        raise Unavailable("WorkOS gave an empty answer.")
    return Organization(
        organization_id=organization_id,
        name=answer.name,
        external_id=answer.external_id or "",
        domains=[domain.to_dict() for domain in answer.domains or []],
    )


@contextmanager
def _gone_is_done() -> Iterator[None]:
    try:
        yield
    except Refused as refusal:
        if refusal.status != 404:
            raise


@contextmanager
def _call(deed: str) -> Iterator[None]:
    """Turn what the SDK raises into one of our two errors. The log gets what leads to it, no more."""
    try:
        yield
    except GatewayError:
        raise
    except workos.WorkOSError as error:
        status: int | None = getattr(error, "status_code", None)
        code = str(getattr(error, "code", None) or "")
        reference = str(getattr(error, "request_id", None) or "")
        if status is None:
            logger.warning("%s: no answer (%s)", deed, type(error).__name__)
            raise Unavailable("WorkOS is not reachable.") from None
        # 404 is an ordinary answer to a look-up, and said again by whoever did not expect it.
        level = logging.INFO if status == 404 else logging.WARNING
        logger.log(level, "%s: HTTP %s code=%s request_id=%s", deed, status, code, reference)
        kind, message = _meaning(status)
        raise kind(
            message,
            status=status,
            code=code,
            reference=reference,
            retry_after=getattr(error, "retry_after", None),
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # The SDK builds its models from whatever came, and stumbles over what it did not expect.
        logger.warning("%s: an answer that the SDK cannot read (%s)", deed, type(error).__name__)
        raise Unavailable("WorkOS gave an answer that we cannot read.") from None


_MEANINGS: dict[int, tuple[type[GatewayError], str]] = {
    401: (Refused, "WorkOS does not accept our API key."),
    403: (Refused, "Our API key may not do this at WorkOS."),
    404: (Refused, "WorkOS does not know this organization."),
    409: (Refused, "One of the domains belongs to another organization at WorkOS."),
    429: (Unavailable, "WorkOS asks us to slow down."),
}


def _meaning(status: int) -> tuple[type[GatewayError], str]:
    if status >= 500:
        return Unavailable, "WorkOS has a problem of its own."
    return _MEANINGS.get(status, (Refused, "WorkOS did not accept what we sent."))
