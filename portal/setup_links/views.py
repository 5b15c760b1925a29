"""The page of setup links, which onboard an enterprise through an IT contact outside the app."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

import gateway
from audit.actor import Actor
from enterprises import conf
from enterprises.access import SetupAccess, get_access_for_setup
from enterprises.it_contacts import ContactBeingRemoved, list_known_contacts
from enterprises.models import Enterprise
from enterprises.rate_limits import RateLimited
from enterprises.reauthentication import require_reauthentication
from portal.failures import explain_setup_link_failure
from portal.setup_links.forms import SetupLinkForm
from portal.setup_links.listing import active_setup_links, newest_setup_links
from portal.setup_links.models import SetupLink
from portal.setup_links.revoking import revoke_setup_link
from portal.setup_links.sending import (
    LIFETIME,
    SEND_PERMISSION,
    ActiveLinkExists,
    resend_setup_link,
    send_setup_link,
)

logger = logging.getLogger(__name__)

_PAGE_SIZE = 50
# What staff need to see the page. IT admins need none.
_VIEW_PERMISSION = "portal.view_setuplink"


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def manage_setup_links(request: HttpRequest, slug: str) -> HttpResponse:
    permission = SEND_PERMISSION if request.method == "POST" else _VIEW_PERMISSION
    access = get_access_for_setup(request.user, slug, permission=permission)
    enterprise, now = access.enterprise, timezone.now()
    form = SetupLinkForm(request.POST or None, enterprise=enterprise)
    if request.method != "POST" or not form.is_valid():
        return render(request, "portal/setup_links.html", _build_context(request, access, form, now))

    email = form.cleaned_data["email"]
    if page := require_reauthentication(
        request,
        purpose=_("send a setup link of %(enterprise)s to %(email)s")
        % {"enterprise": enterprise, "email": email},
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
        messages.success(request, _describe_sent(email, now))
    return redirect("portal:setup_links", enterprise.slug)


@login_required
@require_POST
@never_cache
def resend_link(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Send a new link and revoke the old one, because WorkOS allows one active setup link."""
    enterprise = get_access_for_setup(request.user, slug, permission=SEND_PERMISSION).enterprise
    link = get_object_or_404(SetupLink, enterprise=enterprise, pk=pk)
    now = timezone.now()
    if page := require_reauthentication(
        request,
        purpose=_("send a new setup link of %(enterprise)s to %(email)s")
        % {"enterprise": enterprise, "email": link.email},
        back_url=reverse("portal:setup_links", args=[enterprise.slug]),
        now=now,
    ):
        return page
    with _show_failure(request, enterprise):
        if resend_setup_link(link, actor=Actor.from_request(request), now=now):
            messages.success(request, _describe_sent(link.email, now))
        else:
            messages.error(
                request, _("The plan no longer includes what this link was for. Nothing was sent.")
            )
    return redirect("portal:setup_links", enterprise.slug)


@login_required
@require_POST
@never_cache
def revoke_link(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Revoke a link. No reauthentication is needed, because a revocation only takes access away."""
    enterprise = get_access_for_setup(request.user, slug, permission=SEND_PERMISSION).enterprise
    link = get_object_or_404(SetupLink, enterprise=enterprise, pk=pk)
    with _show_failure(request, enterprise):
        revoke_setup_link(link, Actor.from_request(request), timezone.now())
        messages.success(
            request,
            _("The setup link of %(email)s was revoked and no longer works. You can send it again.")
            % {"email": link.email},
        )
    return redirect("portal:setup_links", enterprise.slug)


def _build_context(
    request: HttpRequest, access: SetupAccess, form: SetupLinkForm, now: datetime
) -> dict[str, Any]:
    enterprise = access.enterprise
    # WorkOS deletes the setup links of an organization together with it.
    can_be_active = enterprise.organization_deleted_at is None
    page = Paginator(newest_setup_links(enterprise), _PAGE_SIZE).get_page(request.GET.get("page"))
    links = [(link, can_be_active and link.is_active(now=now)) for link in page]
    return {
        "enterprise": enterprise,
        "is_it_admin": access.is_it_admin,
        "is_outsider": access.membership is None,
        "can_send": access.is_it_admin or request.user.has_perm(SEND_PERMISSION),
        "page": page,
        "form": form,
        "links": links,
        "has_active_link": active_setup_links(enterprise, now).exists(),
        "is_ready": enterprise.provisioning == Enterprise.Provisioning.READY,
        "contacts": list_known_contacts(enterprise),
        "syncs_it_contacts": conf.syncs_it_contacts(),
        "now": now,
    }


def _describe_sent(email: str, now: datetime) -> str:
    return _("Setup link sent to %(email)s. Valid until %(date)s.") % {
        "email": email,
        "date": date_format(timezone.localtime(now + LIFETIME), "DATE_FORMAT"),
    }


@contextmanager
def _show_failure(request: HttpRequest, enterprise: Enterprise) -> Iterator[None]:
    """Show a refusal as a message. A failed call is also logged, with a reference that the person sees."""
    try:
        yield
    except RateLimited as refusal:
        messages.error(request, refusal.render())
    except (ActiveLinkExists, ContactBeingRemoved) as refusal:
        messages.error(request, str(refusal))
    except gateway.GatewayError as error:
        logger.warning(
            "Setup link %s failed: enterprise=%s %s status=%s request_id=%s",
            error.reference, enterprise.slug, type(error).__name__, error.status or "-",
            error.request_id or "-",
        )  # fmt: skip
        messages.error(
            request,
            _(
                "%(error)s The list below shows what is known. Try again, or contact %(support)s and quote "
                "%(reference)s."
            )
            % {
                "error": explain_setup_link_failure(error),
                "support": conf.support_email(),
                "reference": error.reference,
            },
        )
