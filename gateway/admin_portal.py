"""Portal Links: mint, check, revoke."""

import logging
import re
from urllib.parse import urlsplit

from gateway import client, conf

logger = logging.getLogger(__name__)


# https://workos.com/docs/reference/admin-portal/portal-link/generate
def generate_portal_link(
    *, organization_id: str, intent: str, return_url: str, success_url: str, external_user_id: str
) -> str:
    """A Portal Link: a bearer secret that lives five minutes. Redirect to it at once and keep no copy.

    Raises UntrustedLink when WorkOS returns a URL whose scheme or host is not allowed.
    """
    with client.call("generate_portal_link"):
        answer = client.get_client().admin_portal.generate_link(
            organization=organization_id,
            intent=intent,
            return_url=return_url,
            success_url=success_url,
            external_user_id=external_user_id,
            request_options=client.request_options(),
        )
    return _check_link(getattr(answer, "link", None))


# https://workos.com/docs/reference/admin-portal/portal-link/revoke
def revoke_portal_links(*, organization_id: str, external_user_id: str) -> None:
    """Revoke every Portal Link and end every portal session of this user. Repeating is harmless."""
    with client.ignore_not_found(), client.call("revoke_portal_links", expected_status=404):
        client.get_client().admin_portal.revoke_link(
            organization=organization_id,
            external_user_id=external_user_id,
            request_options=client.request_options(),
        )


# Printable ASCII without the backslash, which browsers read as a slash and parsers do not.
_LINK = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?([/?][!-\[\]-~]*)?")


def _check_link(link: object) -> str:
    if not isinstance(link, str) or not _LINK.fullmatch(link):
        logger.error("WorkOS returned no usable Portal Link (type %s).", type(link).__name__)
        raise client.UntrustedLink("WorkOS returned no link that can be opened.")
    parts = urlsplit(link)
    origin = f"{parts.scheme}://{parts.netloc.lower()}"
    if origin in conf.link_origins():
        return link
    logger.error(
        "WorkOS returned a Portal Link with the origin %s, which is not allowed. "
        "If it is your custom domain, add its host to WORKOS_LINK_HOSTS.",
        origin,
    )
    raise client.UntrustedLink(f"The Portal Link leads to {origin[:200]}, which is not in WORKOS_LINK_HOSTS.")
