"""Pages for the other way to onboard: a setup link that WorkOS mails to somebody outside the app."""

import logging
import uuid
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

import gateway
from enterprises import access, setup_links
from enterprises.addresses import client_address
from enterprises.models import Enterprise, SetupLink
from portal import confirming, limits
from portal.forms import SetupLinkForm

logger = logging.getLogger(__name__)

_SHOWN = 50


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def setup_link_list(request: HttpRequest, slug: str) -> HttpResponse:
    enterprise = access.get_enterprise_to_onboard(request.user, slug)
    form = SetupLinkForm(request.POST or None, enterprise=enterprise)
    if request.method == "POST" and form.is_valid():
        email, intents = form.cleaned_data["email"], form.cleaned_data["intents"]
        return _do(
            request,
            enterprise,
            f"send a setup link to {email}",
            lambda: _send(request, enterprise, email, intents),
        )
    now = timezone.now()
    # An organization takes its setup links with it.
    is_there = enterprise.organization_deleted_at is None
    links = SetupLink.objects.filter(enterprise=enterprise).select_related("sent_by").order_by("-asked_at")
    context = {
        "enterprise": enterprise,
        "membership": access.memberships(request.user).filter(enterprise=enterprise).first(),
        "form": form,
        "links": [(link, is_there and link.is_good(now=now)) for link in links[:_SHOWN]],
        "now": now,
        "has_good": setup_links.good(enterprise, now=now).exists(),
        "is_ready": enterprise.provisioning == Enterprise.Provisioning.READY,
        "support_email": settings.SUPPORT_EMAIL,
    }
    return render(request, "portal/setup_links.html", context)


@require_POST
@never_cache
def setup_link_resend(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """The old one is revoked: WorkOS allows one at a time, and a new mail carries a new link."""
    enterprise = access.get_enterprise_to_onboard(request.user, slug)
    link = get_object_or_404(SetupLink, enterprise=enterprise, pk=pk)

    def resend() -> str:
        allowed = [intent for intent, _ in setup_links.choices(enterprise) if intent in link.intents]
        if not allowed:
            return "Nothing of it is in your plan any more. Nothing was sent."
        if link.is_good(now=timezone.now()):
            _revoke(request, link)
        return _send(request, enterprise, link.email, allowed)

    return _do(request, enterprise, f"send {link.email} a new setup link", resend)


@require_POST
@never_cache
def setup_link_revoke(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    # Closing a door needs no young sign-in.
    enterprise = access.get_enterprise_to_onboard(request.user, slug)
    link = get_object_or_404(SetupLink, enterprise=enterprise, pk=pk)
    return _answer(request, enterprise, lambda: _revoke(request, link))


def _do(request: HttpRequest, enterprise: Enterprise, deed: str, act: Callable[[], str]) -> HttpResponse:
    if page := confirming.ask(request, enterprise, deed=deed, now=timezone.now()):
        return page

    def within_the_limit() -> str:
        # Before anything is done: a new link begins with the revocation of the old one.
        _check_limit(request, enterprise)
        return act()

    return _answer(request, enterprise, within_the_limit)


def _answer(request: HttpRequest, enterprise: Enterprise, act: Callable[[], str]) -> HttpResponse:
    try:
        messages.success(request, act())
    except (setup_links.AnotherIsGood, limits.TooOften) as refusal:
        messages.error(request, str(refusal))
    except gateway.GatewayError as error:
        reference = uuid.uuid4().hex[:8]
        logger.warning(
            "Setup link %s failed: enterprise=%s %s status=%s request_id=%s",
            reference, enterprise.slug, type(error).__name__, error.status or "-", error.request_id or "-",
        )  # fmt: skip
        messages.error(
            request,
            f"{error} The list below shows what is known. Try again, or write to {settings.SUPPORT_EMAIL} "
            f"with this reference: {reference}",
        )
    return redirect("setup_links", enterprise.slug)


def _check_limit(request: HttpRequest, enterprise: Enterprise) -> None:
    now = timezone.now()
    sent = SetupLink.objects.filter(enterprise=enterprise, asked_at__gt=now - limits.WINDOW)
    limits.check(
        "sent a setup link", enterprise, request.user.pk, sent, at="asked_at", who="sent_by_id", now=now
    )


def _send(request: HttpRequest, enterprise: Enterprise, email: str, intents: list[str]) -> str:
    setup_links.send(
        enterprise,
        email=email,
        intents=intents,
        sent_by=access.signed_in(request.user),
        client_address=client_address(request),
        now=timezone.now(),
    )
    return f"WorkOS is mailing a setup link to {email}. It is good for 30 days."


def _revoke(request: HttpRequest, link: SetupLink) -> str:
    setup_links.revoke(
        link,
        who=access.signed_in(request.user),
        client_address=client_address(request),
        now=timezone.now(),
    )
    return f"The setup link of {link.email} opens nothing any more."
