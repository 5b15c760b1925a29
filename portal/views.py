"""The page of an enterprise, the launch of the Admin Portal, and the return from it."""

import logging
import uuid
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from csp.decorators import csp_update
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import gateway
from audit.actor import Actor
from enterprises.access import (
    can_use_intent,
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
from portal.failures import build_sales_link, build_support_link, explain_failure
from portal.page.last_action import LastAction, LaunchFailure, load_last_action, save_last_action
from portal.page.overview import MIN_CHECK_INTERVAL, build_overview
from portal.page.providers import GUIDES_URL
from portal.page.sign_in import describe_sign_in
from portal.page.wording import INTENT_WORDINGS, OPENING, STILL_WAITING

logger = logging.getLogger(__name__)

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
    if not membership.is_it_admin:
        return render(request, "portal/member.html", _build_member_context(membership))
    return render(request, "portal/overview.html", _build_context(request, membership, timezone.now()))


@login_required
@require_safe
@never_cache
def show_status(request: HttpRequest, slug: str) -> HttpResponse:
    """The part of the page that polls. `updates` is the hash of what was announced last."""
    membership = get_membership_for_it_admin(request.user, slug)
    page = _build_context(request, membership, timezone.now())
    page["has_new_updates"] = request.GET.get("updates") != page["overview"].updates_hash
    return render(request, "portal/status.html", page)


def _build_context(request: HttpRequest, membership: Membership, now: datetime) -> dict[str, Any]:
    enterprise = membership.enterprise
    last_action = load_last_action(request.session, enterprise)
    overview = build_overview(
        enterprise,
        plan=[intent for intent in Intent if can_use_intent(enterprise, intent)],
        viewer_id=membership.user_id,
        last_action=last_action,
        now=now,
    )
    failure = last_action.failure if last_action else None
    return {
        "enterprise": enterprise,
        "is_it_admin": membership.is_it_admin,
        "overview": overview,
        "can_launch": enterprise.provisioning == Enterprise.Provisioning.READY,
        # Templates call them where they show them, which is seldom.
        "support_link": partial(
            build_support_link, enterprise, reference=failure.reference if failure else ""
        ),
        "sales_link": partial(build_sales_link, enterprise),
        "guides_url": GUIDES_URL,
        "opening": OPENING,
        "still_waiting": STILL_WAITING,
    }


def _build_member_context(membership: Membership) -> dict[str, Any]:
    enterprise = membership.enterprise
    return {
        "enterprise": enterprise,
        "is_it_admin": False,
        "sentence": describe_sign_in(enterprise),
        "it_admins": it_admins_of(enterprise),
        "support_link": build_support_link(enterprise),
    }


@login_required
@require_POST
@never_cache
def check_now(request: HttpRequest, slug: str) -> HttpResponse:
    """Have the worker reconcile the enterprise, because a page never waits for WorkOS."""
    enterprise = get_membership_for_it_admin(request.user, slug).enterprise
    if enterprise.provisioning != Enterprise.Provisioning.READY:
        messages.error(
            request,
            _("%(enterprise)s isn’t connected to WorkOS, so there is nothing to check.")
            % {"enterprise": enterprise},
        )
        return redirect(enterprise)
    reconciled_at, now = enterprise.reconciled_at, timezone.now()
    if reconciled_at is None or now - reconciled_at > MIN_CHECK_INTERVAL:
        with limited_lock_waits():
            enqueue_reconcile(enterprise)
    save_last_action(
        request.session, enterprise, LastAction(now, is_check=True, previous_check=reconciled_at)
    )
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
    title = INTENT_WORDINGS[chosen].title
    if not can_use_intent(enterprise, chosen):
        sentence = _("Your plan doesn’t include this: %(title)s. Contact sales to upgrade.")
        return _show_failure(request, enterprise, LaunchFailure(intent, sentence % {"title": title}), now)
    if page := require_reauthentication(
        request,
        purpose=_("open %(title)s in the Admin Portal for %(enterprise)s")
        % {"title": title, "enterprise": enterprise},
        back_url=enterprise.get_absolute_url(),
        now=now,
    ):
        return page
    if enterprise.provisioning != Enterprise.Provisioning.READY:
        sentence = _("%(enterprise)s isn’t connected to WorkOS yet. Nothing changed.")
        failure = LaunchFailure(intent, sentence % {"enterprise": enterprise})
        return _show_failure(request, enterprise, failure, now)
    actor = Actor.from_request(request)
    try:
        link = launches.launch(membership, chosen, actor, now, nonce=_nonce(request))
    except RateLimited as refusal:
        failure = LaunchFailure(intent, refusal.sentence, retry_at=refusal.retry_at)
        return _show_failure(request, enterprise, failure, now)
    except gateway.GatewayError as error:
        logger.warning(
            "Portal launch %s failed: enterprise=%s intent=%s %s status=%s request_id=%s",
            error.reference, slug, chosen.value, type(error).__name__, error.status or "-",
            error.request_id or "-",
        )  # fmt: skip
        failure = LaunchFailure(intent, explain_failure(error), error.reference)
        return _show_failure(request, enterprise, failure, timezone.now())
    save_last_action(request.session, enterprise, LastAction(now))
    # A bearer secret that lives five minutes: hand it over and keep no copy.
    response = HttpResponseRedirect(link, status=303)
    response["Referrer-Policy"] = "no-referrer"
    return response


def _show_failure(
    request: HttpRequest, enterprise: Enterprise, failure: LaunchFailure, now: datetime
) -> HttpResponse:
    """Lead back to the page, to the place of the failure in its card, which takes the focus."""
    save_last_action(request.session, enterprise, LastAction(now, failure=failure))
    return redirect(f"{enterprise.get_absolute_url()}#failure")


def _nonce(request: HttpRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("nonce", ""))
    except ValueError:
        return uuid.uuid4()


@login_required
@require_safe
@never_cache
def record_return(request: HttpRequest, slug: str, nonce: uuid.UUID) -> HttpResponse:
    membership = get_membership(request.user, slug)
    if request.method == "GET":
        returns.mark_returned(membership, nonce, Actor.from_request(request), timezone.now())
    return redirect(membership.enterprise)


@login_required
@require_safe
@never_cache
def record_finish(request: HttpRequest, slug: str, nonce: uuid.UUID) -> HttpResponse:
    membership = get_membership(request.user, slug)
    if request.method == "GET":
        returns.mark_finished(membership, nonce, Actor.from_request(request), timezone.now())
    return redirect(membership.enterprise)
