"""Portal Links: minted, checked, and taken back."""

import logging
import re
from urllib.parse import urlsplit

from django.conf import settings

from enterprises.gateway import calling

logger = logging.getLogger(__name__)


# https://workos.com/docs/reference/admin-portal/portal-link/generate
def generate_portal_link(
    *, organization_id: str, intent: str, return_url: str, success_url: str, external_user_id: str
) -> str:
    """A Portal Link: a bearer secret that lives five minutes. Redirect to it at once and keep no copy.

    Refused when WorkOS answers with something that a browser must not be sent to.
    """
    with calling.call("generate_portal_link"):
        answer = calling.client().admin_portal.generate_link(
            organization=organization_id,
            intent=intent,
            return_url=return_url,
            success_url=success_url,
            external_user_id=external_user_id,
            request_options=calling.options(),
        )
    return _trusted_link(getattr(answer, "link", None))


# https://workos.com/docs/reference/admin-portal/portal-link/revoke
def revoke_link(*, organization_id: str, external_user_id: str) -> None:
    """End every link and open portal session of this person there. None to end is well, too."""
    with calling.gone_is_done(), calling.call("revoke_link", usual=404):
        calling.client().admin_portal.revoke_link(
            organization=organization_id, external_user_id=external_user_id, request_options=calling.options()
        )


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
    raise calling.Refused(
        "WorkOS answered with an address that we do not trust, so we did not send you there."
    )
