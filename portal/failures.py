"""What a failed call to WorkOS means for a customer. What it means for us is in the log."""

from urllib.parse import quote, urlencode

from django.utils.translation import gettext as _

import gateway
from enterprises import conf
from enterprises.models import Enterprise


def explain_failure(error: gateway.GatewayError) -> str:
    """A sentence without our keys and settings, and what to do next."""
    if isinstance(error, gateway.Busy):
        return _("WorkOS is busy. Nothing changed. Try again in a minute.")
    if isinstance(error, gateway.Unavailable):
        if error.status is None:
            return _("We couldn’t reach WorkOS. Nothing changed. Try again in a few minutes.")
        return _("WorkOS is having problems. Nothing changed. Try again in a few minutes.")
    if isinstance(error, gateway.UntrustedLink):
        return _(
            "We stopped because WorkOS returned an unexpected link. Nothing changed. Contact support and "
            "quote the reference."
        )
    return _(
        "We couldn’t open the Admin Portal because of a problem on our side. Nothing changed. Contact "
        "support and quote the reference."
    )


def explain_setup_link_failure(error: gateway.GatewayError) -> str:
    """A sentence without our keys and settings. Parts of what was asked may be done."""
    if isinstance(error, gateway.Busy):
        return _("WorkOS is busy.")
    if isinstance(error, gateway.Unavailable):
        return _("We couldn’t reach WorkOS.") if error.status is None else _("WorkOS is having problems.")
    return _("WorkOS didn’t accept the request because of a problem on our side.")


def build_support_link(enterprise: Enterprise, *, reference: str = "") -> str:
    """A mailto: link to support with the reference, the page and the ids filled in."""
    lines = [
        f"{_('Reference')}: {reference}" if reference else "",
        f"{_('Page')}: {conf.site_url()}{enterprise.get_absolute_url()}",
        f"{_('Company')}: {enterprise.name}",
        f"{_('Organization ID')}: {enterprise.organization_id or '-'}",
    ]
    subject = f"{enterprise.name}: {_('Admin Portal')}" + (f" ({reference})" if reference else "")
    body = "\r\n".join(["", "", *filter(None, lines)])
    query = urlencode({"subject": subject, "body": body}, quote_via=quote)
    return f"mailto:{quote(conf.support_email(), safe='@+')}?{query}"


def build_sales_link(enterprise: Enterprise) -> str:
    subject = _("Upgrade the plan of %(enterprise)s") % {"enterprise": enterprise}
    return (
        f"mailto:{quote(conf.support_email(), safe='@+')}?{urlencode({'subject': subject}, quote_via=quote)}"
    )
