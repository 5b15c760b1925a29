"""The IT admin's page, the way out to the Admin Portal and the way back."""

import logging
import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from enterprises import access, gateway
from enterprises.addresses import client_address
from enterprises.intents import Intent
from enterprises.models import Membership
from portal import status
from portal.launching import launch
from portal.models import PortalSession

logger = logging.getLogger(__name__)


@require_GET
@never_cache
def enterprise(request: HttpRequest, slug: str) -> HttpResponse:
    membership = access.get_membership(request.user, slug)
    return render(request, "portal/enterprise.html", _page(membership))


@require_GET
@never_cache
def enterprise_status(request: HttpRequest, slug: str) -> HttpResponse:
    """The part of the page that changes by itself."""
    membership = access.get_membership(request.user, slug)
    return render(request, "portal/status.html", _page(membership))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def open_portal(request: HttpRequest, slug: str, intent: str) -> HttpResponse:
    if intent not in Intent:
        raise Http404("No such intent")
    if request.method != "POST":
        # Somebody typed the address or came back to it after signing in: nothing is minted on GET.
        return redirect(access.get_membership(request.user, slug).enterprise)

    membership = access.get_membership_of_it_admin(request.user, slug)
    if reason := access.why_not(membership.enterprise, Intent(intent)):
        messages.error(request, reason)
        return redirect(membership.enterprise)
    reference = uuid.uuid4().hex[:8]
    try:
        link = launch(
            membership,
            Intent(intent),
            client_address=client_address(request),
            now=timezone.now(),
        )
    except gateway.GatewayError as error:
        logger.warning(
            "Portal launch %s failed: enterprise=%s intent=%s %s request_id=%s",
            reference, slug, intent, type(error).__name__, error.reference or "-",
        )  # fmt: skip
        next_step = (
            "Try again in a moment."
            if isinstance(error, gateway.Unavailable)
            else "Ask us, with this reference."
        )
        messages.error(request, f"{error} Nothing was changed. {next_step} Reference: {reference}")
        return redirect(membership.enterprise)

    # A bearer secret with a five-minute life: hand it over, keep no copy.
    response = HttpResponseRedirect(link, status=303)
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_GET
@never_cache
def portal_returned(request: HttpRequest, slug: str, nonce: uuid.UUID) -> HttpResponse:
    return _back(request, slug, nonce, "returned_at")


@require_GET
@never_cache
def portal_finished(request: HttpRequest, slug: str, nonce: uuid.UUID) -> HttpResponse:
    return _back(request, slug, nonce, "finished_at")


def _back(request: HttpRequest, slug: str, nonce: uuid.UUID, field: str) -> HttpResponse:
    """Note that somebody came back. Anybody can open this address: it says so much, not what is true."""
    membership = access.get_membership(request.user, slug)
    PortalSession.objects.filter(
        enterprise=membership.enterprise, nonce=nonce, user=membership.user, **{field: None}
    ).update(**{field: timezone.now()})
    return redirect(membership.enterprise)


def _page(membership: Membership) -> dict[str, object]:
    enterprise = membership.enterprise
    sections = status.sections(enterprise, now=timezone.now())
    return {
        "enterprise": enterprise,
        "membership": membership,
        "sections": sections,
        "domains": status.domains(enterprise),
        "it_admins": access.it_admins(enterprise),
        "waiting": any(section.waiting for section in sections),
        "checked_at": timezone.now(),
    }
