"""The page of setup links, which onboard an enterprise through an IT contact outside the app."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

import gateway
from audit.actor import Actor
from enterprises import conf
from enterprises.access import get_enterprise_for_setup, memberships_of
from enterprises.models import Enterprise
from enterprises.rate_limits import RateLimited
from enterprises.reauthentication import require_reauthentication
from portal.setup_links.forms import SetupLinkForm
from portal.setup_links.listing import active_setup_links, newest_setup_links
from portal.setup_links.models import SetupLink
from portal.setup_links.revoking import revoke_setup_link
from portal.setup_links.sending import ActiveLinkExists, resend_setup_link, send_setup_link

logger = logging.getLogger(__name__)

_MAX_LISTED = 50


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def manage_setup_links(request: HttpRequest, slug: str) -> HttpResponse:
    enterprise = get_enterprise_for_setup(request.user, slug)
    now = timezone.now()
    form = SetupLinkForm(request.POST or None, enterprise=enterprise)
    if request.method != "POST" or not form.is_valid():
        return render(request, "portal/setup_links.html", _build_context(request, enterprise, form, now))

    email = form.cleaned_data["email"]
    if page := require_reauthentication(
        request,
        purpose=f"send a setup link of {enterprise} to {email}",
        back_url=reverse("portal:setup_links", args=[enterprise.slug]),
        now=now,
    ):
        return page
    with _show_failure(request, enterprise):
        send_setup_link(
            enterprise,
            email=email,
            intents=form.cleaned_data["intents"],
            actor=Actor.from_request(request),
            now=now,
        )
        messages.success(request, _describe_sent(email))
    return redirect("portal:setup_links", enterprise.slug)


@login_required
@require_POST
@never_cache
def resend_link(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Send a new link and revoke the old one, because WorkOS allows one active setup link."""
    enterprise = get_enterprise_for_setup(request.user, slug)
    link = get_object_or_404(SetupLink, enterprise=enterprise, pk=pk)
    now = timezone.now()
    if page := require_reauthentication(
        request,
        purpose=f"send {link.email} a new setup link of {enterprise}",
        back_url=reverse("portal:setup_links", args=[enterprise.slug]),
        now=now,
    ):
        return page
    with _show_failure(request, enterprise):
        if resend_setup_link(link, actor=Actor.from_request(request), now=now):
            messages.success(request, _describe_sent(link.email))
        else:
            messages.error(request, "Nothing of it is in your plan any more. Nothing was sent.")
    return redirect("portal:setup_links", enterprise.slug)


@login_required
@require_POST
@never_cache
def revoke_link(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Revoke a link. No reauthentication is needed, because a revocation only takes access away."""
    enterprise = get_enterprise_for_setup(request.user, slug)
    link = get_object_or_404(SetupLink, enterprise=enterprise, pk=pk)
    with _show_failure(request, enterprise):
        revoke_setup_link(link, Actor.from_request(request), timezone.now())
        messages.success(request, f"The setup link of {link.email} opens nothing any more.")
    return redirect("portal:setup_links", enterprise.slug)


def _build_context(
    request: HttpRequest, enterprise: Enterprise, form: SetupLinkForm, now: datetime
) -> dict[str, Any]:
    # WorkOS deletes the setup links of an organization together with it.
    can_be_active = enterprise.organization_deleted_at is None
    links = [
        (link, can_be_active and link.is_active(now=now))
        for link in newest_setup_links(enterprise)[:_MAX_LISTED]
    ]
    return {
        "enterprise": enterprise,
        "membership": memberships_of(request.user).filter(enterprise=enterprise).first(),
        "form": form,
        "links": links,
        "has_active_link": active_setup_links(enterprise, now).exists(),
        "is_ready": enterprise.provisioning == Enterprise.Provisioning.READY,
        "now": now,
    }


def _describe_sent(email: str) -> str:
    return f"WorkOS is mailing a setup link to {email}. It is good for 30 days."


@contextmanager
def _show_failure(request: HttpRequest, enterprise: Enterprise) -> Iterator[None]:
    """Show a refusal as a message. A failed call is also logged, with a reference that the person sees."""
    try:
        yield
    except RateLimited as refusal:
        messages.error(request, refusal.render())
    except ActiveLinkExists as refusal:
        messages.error(request, str(refusal))
    except gateway.GatewayError as error:
        reference = uuid.uuid4().hex[:8]
        logger.warning(
            "Setup link %s failed: enterprise=%s %s status=%s request_id=%s",
            reference, enterprise.slug, type(error).__name__, error.status or "-", error.request_id or "-",
        )  # fmt: skip
        messages.error(
            request,
            f"{error} The list below shows what is known. Try again, or write to {conf.support_email()} "
            f"with this reference: {reference}",
        )
