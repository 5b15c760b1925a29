"""The IT admin's page, the way out to the Admin Portal and the way back."""

import logging
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from csp.decorators import csp_update
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

import gateway
from enterprises import access, history, refresh
from enterprises.addresses import client_address
from enterprises.intents import Intent
from enterprises.models import Enterprise, Membership
from portal import confirming, launching, limits, status
from portal.guides import GUIDES
from portal.models import PortalSession

logger = logging.getLogger(__name__)

# Whoever presses "check now" again at once gets the answer that is on its way.
_CHECKED_JUST_NOW = timedelta(seconds=10)


# A browser applies `form-action` to the redirect that follows the POST, and Chromium to every redirect that
# WorkOS makes in turn. Which hosts those are is WorkOS's affair: a list that misses one is a dead button.
_leads_out: Callable[[Any], Any] = csp_update(
    {"form-action": ["https:", *(it for it in settings.WORKOS_LINK_ORIGINS if it.startswith("http:"))]}
)


@require_GET
@never_cache
@_leads_out
def enterprise(request: HttpRequest, slug: str) -> HttpResponse:
    membership = access.get_membership(request.user, slug)
    return render(request, "portal/enterprise.html", _page(membership))


@require_GET
@never_cache
def enterprise_status(request: HttpRequest, slug: str) -> HttpResponse:
    """The part of the page that changes by itself. `news` is the mark of the news that the page shows."""
    membership = access.get_membership(request.user, slug)
    page = _page(membership)
    page["has_news"] = request.GET.get("news") != page["status"].news_mark
    return render(request, "portal/status.html", page)


@require_POST
@never_cache
def check_now(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask the worker to read the present from WorkOS. A page never waits for it."""
    enterprise = access.get_membership_of_it_admin(request.user, slug).enterprise
    now = timezone.now()
    if enterprise.checked_at is None or now - enterprise.checked_at > _CHECKED_JUST_NOW:
        refresh.ask(enterprise)
    messages.info(request, "We are asking WorkOS. This page shows the answer when it is there.")
    return redirect(enterprise)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@_leads_out
def open_portal(request: HttpRequest, slug: str, intent: str) -> HttpResponse:
    if intent not in Intent:
        raise Http404("No such intent")
    if request.method != "POST":
        # Somebody typed the address or came back to it after signing in: nothing is minted on GET.
        return redirect(access.get_membership(request.user, slug).enterprise)

    membership = access.get_membership_of_it_admin(request.user, slug)
    intent = Intent(intent)
    if reason := access.why_not(membership.enterprise, intent):
        messages.error(request, reason)
        return redirect(membership.enterprise)
    now = timezone.now()
    if page := confirming.ask(
        request, membership.enterprise, deed=f"open {GUIDES[intent].title} in the Admin Portal", now=now
    ):
        return page
    reference = uuid.uuid4().hex[:8]
    try:
        link = launching.launch(
            membership,
            intent,
            nonce=_nonce(request),
            reference=reference,
            client_address=client_address(request),
            now=now,
        )
    except limits.TooOften as refusal:
        messages.error(request, str(refusal))
        return redirect(membership.enterprise)
    except gateway.GatewayError as error:
        logger.warning(
            "Portal launch %s failed: enterprise=%s intent=%s %s status=%s request_id=%s",
            reference, slug, intent.value, type(error).__name__, error.status or "-", error.request_id or "-",
        )  # fmt: skip
        next_step = (
            "Try again in a moment."
            if isinstance(error, gateway.Unavailable)
            else f"Write to {settings.SUPPORT_EMAIL} and quote the reference."
        )
        messages.error(request, f"{error} Nothing was changed. {next_step} Reference: {reference}")
        return redirect(membership.enterprise)

    # A bearer secret with a five-minute life: hand it over, keep no copy.
    response = HttpResponseRedirect(link, status=303)
    response["Referrer-Policy"] = "no-referrer"
    return response


def _nonce(request: HttpRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("visit", ""))
    except ValueError:
        return uuid.uuid4()


@require_GET
@never_cache
def portal_returned(request: HttpRequest, slug: str, nonce: uuid.UUID) -> HttpResponse:
    return _back(request, slug, nonce, "returned_at")


@require_GET
@never_cache
def portal_finished(request: HttpRequest, slug: str, nonce: uuid.UUID) -> HttpResponse:
    return _back(request, slug, nonce, "finished_at")


def _back(request: HttpRequest, slug: str, nonce: uuid.UUID, field: str) -> HttpResponse:
    """Note that somebody came back, and ask the worker to look: the address proves nothing.

    Once a visit: opening it again and again asks nothing of WorkOS.
    """
    membership = access.get_membership(request.user, slug)
    now = timezone.now()
    with transaction.atomic():
        session = (
            PortalSession.objects.select_for_update()
            .filter(enterprise=membership.enterprise, nonce=nonce, user=membership.user, **{field: None})
            .first()
        )
        if session:
            setattr(session, field, now)
            session.save(update_fields=[field])
            refresh.ask_after_return(membership.enterprise, now=now)
            if field == "finished_at":
                history.record(
                    membership.enterprise,
                    deed=history.Deed.PORTAL_FINISHED,
                    who=membership.user,
                    at=now,
                    for_whom=GUIDES[Intent(session.intent)].title,
                    client_address=client_address(request),
                )
    return redirect(membership.enterprise)


def _page(membership: Membership) -> dict[str, Any]:
    enterprise = membership.enterprise
    now = timezone.now()
    return {
        "enterprise": enterprise,
        "membership": membership,
        "status": status.of(
            enterprise,
            reasons={
                intent.value: reason for intent in Intent if (reason := access.why_not(enterprise, intent))
            },
            viewer_id=membership.user_id,
            now=now,
        ),
        "may_act": membership.is_it_admin and enterprise.provisioning == Enterprise.Provisioning.READY,
        "it_admins": access.it_admins(enterprise),
        "support_email": settings.SUPPORT_EMAIL,
    }
