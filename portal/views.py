"""The page of an enterprise, the launch of the Admin Portal, and the return from it."""

import logging
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from csp.decorators import csp_update
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import gateway
from audit.actor import Actor
from enterprises import conf
from enterprises.access import (
    explain_missing_intent,
    get_membership,
    get_membership_for_it_admin,
    it_admins_of,
)
from enterprises.intents import Intent
from enterprises.locks import limited_lock_waits
from enterprises.models import Enterprise, Membership
from enterprises.rate_limits import RateLimited
from enterprises.reauthentication import require_reauthentication
from enterprises.reconcile import enqueue_reconcile
from gateway.conf import link_origins
from portal import launches, returns
from portal.page.sections import build_sections
from portal.page.wording import INTENT_WORDINGS

logger = logging.getLogger(__name__)

# A request sooner than this after a reconcile enqueues nothing.
_MIN_CHECK_INTERVAL = timedelta(seconds=10)

# A browser applies `form-action` to the redirect after the POST, and Chromium to every redirect after that
# one. We cannot know all of their hosts, and a button does nothing if the list misses one.
_allow_forms_to_workos: Callable[[Any], Any] = csp_update(
    {"form-action": ["https:", *(origin for origin in link_origins() if origin.startswith("http:"))]}
)


@login_required
@require_safe
@never_cache
@_allow_forms_to_workos
def show_overview(request: HttpRequest, slug: str) -> HttpResponse:
    membership = get_membership(request.user, slug)
    return render(request, "portal/overview.html", _build_context(membership, timezone.now()))


@login_required
@require_safe
@never_cache
def show_status(request: HttpRequest, slug: str) -> HttpResponse:
    """The part of the page that polls. `updates` is the hash of the updates that the page shows."""
    membership = get_membership(request.user, slug)
    page = _build_context(membership, timezone.now())
    page["has_new_updates"] = request.GET.get("updates") != page["sections"].updates_hash
    return render(request, "portal/status.html", page)


def _build_context(membership: Membership, now: datetime) -> dict[str, Any]:
    enterprise = membership.enterprise
    reasons = {
        intent.value: reason for intent in Intent if (reason := explain_missing_intent(enterprise, intent))
    }
    return {
        "enterprise": enterprise,
        "membership": membership,
        "sections": build_sections(enterprise, reasons=reasons, viewer_id=membership.user_id, now=now),
        "can_launch": membership.is_it_admin and enterprise.provisioning == Enterprise.Provisioning.READY,
        "it_admins": it_admins_of(enterprise),
    }


@login_required
@require_POST
@never_cache
def check_now(request: HttpRequest, slug: str) -> HttpResponse:
    """Have the worker reconcile the enterprise, because a page never waits for WorkOS."""
    enterprise = get_membership_for_it_admin(request.user, slug).enterprise
    if enterprise.provisioning != Enterprise.Provisioning.READY:
        messages.error(request, f"{enterprise} is not set up at WorkOS, so there is nothing to check.")
        return redirect(enterprise)
    reconciled_at = enterprise.reconciled_at
    if reconciled_at is None or timezone.now() - reconciled_at > _MIN_CHECK_INTERVAL:
        with limited_lock_waits():
            enqueue_reconcile(enterprise)
    messages.info(request, "We are asking WorkOS. This page shows the answer when it is there.")
    return redirect(enterprise)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@_allow_forms_to_workos
def launch_portal(request: HttpRequest, slug: str, intent: str) -> HttpResponse:
    if intent not in Intent:
        raise Http404("No such intent")
    if request.method != "POST":
        # A person typed the address, or was sent back to it after signing in. A GET mints nothing.
        return redirect(get_membership(request.user, slug).enterprise)

    membership = get_membership_for_it_admin(request.user, slug)
    enterprise, chosen, now = membership.enterprise, Intent(intent), timezone.now()
    if reason := explain_missing_intent(enterprise, chosen):
        messages.error(request, reason)
        return redirect(enterprise)
    if page := require_reauthentication(
        request,
        purpose=f"open {INTENT_WORDINGS[chosen].title} in the Admin Portal for {enterprise}",
        back_url=enterprise.get_absolute_url(),
        now=now,
    ):
        return page
    reference = uuid.uuid4().hex[:8]
    actor = Actor.from_request(request)
    try:
        link = launches.launch(membership, chosen, actor, now, nonce=_nonce(request), reference=reference)
    except RateLimited as refusal:
        messages.error(request, refusal.render())
        return redirect(enterprise)
    except gateway.GatewayError as error:
        logger.warning(
            "Portal launch %s failed: enterprise=%s intent=%s %s status=%s request_id=%s",
            reference, slug, chosen.value, type(error).__name__, error.status or "-", error.request_id or "-",
        )  # fmt: skip
        messages.error(request, _explain_failure(error, reference))
        return redirect(enterprise)

    # A bearer secret that lives five minutes: hand it over and keep no copy.
    response = HttpResponseRedirect(link, status=303)
    response["Referrer-Policy"] = "no-referrer"
    return response


def _nonce(request: HttpRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("nonce", ""))
    except ValueError:
        return uuid.uuid4()


def _explain_failure(error: gateway.GatewayError, reference: str) -> str:
    if isinstance(error, gateway.Unavailable):
        next_step = "Try again in a moment."
    else:
        next_step = f"Write to {conf.support_email()} and quote the reference."
    return f"{error} Nothing was changed. {next_step} Reference: {reference}"


@login_required
@require_safe
@never_cache
def record_return(request: HttpRequest, slug: str, nonce: uuid.UUID) -> HttpResponse:
    membership = get_membership(request.user, slug)
    if request.method == "GET":
        returns.mark_returned(membership, nonce, timezone.now())
    return redirect(membership.enterprise)


@login_required
@require_safe
@never_cache
def record_finish(request: HttpRequest, slug: str, nonce: uuid.UUID) -> HttpResponse:
    membership = get_membership(request.user, slug)
    if request.method == "GET":
        returns.mark_finished(membership, nonce, Actor.from_request(request), timezone.now())
    return redirect(membership.enterprise)
