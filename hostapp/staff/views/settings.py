"""Provision a customer, change what staff set of it, and deprovision it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

import gateway
from audit.actor import Actor
from enterprises import lifecycle, provisioning
from enterprises.locks import limited_lock_waits
from enterprises.memberships import add_it_admin
from enterprises.models import Enterprise
from enterprises.reauthentication import require_reauthentication
from hostapp.staff.forms import DeprovisionForm, EnterpriseForm, ProvisionForm
from hostapp.staff.rights import Right, as_current_staff, has_right, require_right, staff_only
from hostapp.staff.views.customer import get_customer


@staff_only(Right.PROVISION)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def provision_enterprise(request: HttpRequest) -> HttpResponse:
    form = ProvisionForm(request.POST or None, can_invite=has_right(request.user, Right.INVITE))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        if data.get("it_admin") and (
            page := require_reauthentication(
                request,
                purpose=_("make %(email)s an IT admin of %(enterprise)s")
                % {"email": data["it_admin"], "enterprise": data["name"]},
                back_url=reverse("staff:provision"),
                now=timezone.now(),
            )
        ):
            return page
        try:
            with limited_lock_waits():
                enterprise = provisioning.enroll(
                    name=data["name"], slug=data["slug"], domains=data["domains"]
                )
                actor, now = Actor.from_request(request), timezone.now()
                lifecycle.change_plan(enterprise, data["intents"], actor, now)
                if data.get("it_admin"):
                    add_it_admin(enterprise, data["it_admin"], actor, now)
        except (provisioning.SlugConflict, ValueError) as error:
            form.add_error("slug", str(error))
        else:
            return _provision(request, enterprise)
    return render(request, "staff/provision.html", {"form": form})


@staff_only(Right.CHANGE_CUSTOMERS)
@require_POST
@never_cache
def provision_enterprise_again(request: HttpRequest, slug: str) -> HttpResponse:
    return _provision(request, get_customer(slug))


@staff_only(Right.VIEW_CUSTOMERS)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def change_enterprise(request: HttpRequest, slug: str) -> HttpResponse:
    """The settings that staff make. Who may only view them sees a form without a button."""
    if request.method == "POST":
        require_right(request.user, Right.CHANGE_CUSTOMERS)
    enterprise = get_customer(slug)
    form = EnterpriseForm.for_enterprise(enterprise, request.POST or None)
    if request.method == "POST" and enterprise.deprovisioned_at:
        messages.error(
            request,
            _("%(enterprise)s is deprovisioned. Nothing was changed.") % {"enterprise": enterprise.name},
        )
        return redirect("staff:customer_settings", slug)
    if request.method == "POST" and form.is_valid():
        data, actor, now = form.cleaned_data, Actor.from_request(request), timezone.now()
        with as_current_staff(request, enterprise, Right.CHANGE_CUSTOMERS):
            lifecycle.rename(enterprise, data["name"], actor, now)
            lifecycle.change_domains(enterprise, data["domains"], actor, now)
            lifecycle.change_plan(enterprise, data["intents"], actor, now)
        messages.success(
            request,
            _("%(enterprise)s is saved. Changes will reach WorkOS shortly.")
            % {"enterprise": enterprise.name},
        )
        return redirect("staff:customer_settings", slug)
    return _render_settings(request, enterprise, form, DeprovisionForm(enterprise=enterprise))


@staff_only(Right.DEPROVISION)
@require_POST
@never_cache
def deprovision_enterprise(request: HttpRequest, slug: str) -> HttpResponse:
    enterprise = get_customer(slug)
    form = DeprovisionForm(request.POST, enterprise=enterprise)
    if enterprise.deprovisioned_at:
        messages.error(
            request,
            _("%(enterprise)s was already deprovisioned. Nothing was changed.")
            % {"enterprise": enterprise.name},
        )
        return redirect("staff:customer_settings", slug)
    if form.is_valid():
        if page := require_reauthentication(
            request,
            purpose=_("deprovision %(enterprise)s") % {"enterprise": enterprise.name},
            back_url=reverse("staff:customer_settings", args=[slug]),
            now=timezone.now(),
        ):
            return page
        with as_current_staff(request, enterprise, Right.DEPROVISION):
            lifecycle.deprovision(enterprise, Actor.from_request(request), timezone.now())
        messages.success(
            request,
            _("%(enterprise)s is deprovisioned. Its audit log is kept.") % {"enterprise": enterprise.name},
        )
        return redirect("staff:customer_settings", slug)
    return _render_settings(request, enterprise, EnterpriseForm.for_enterprise(enterprise), form)


def _render_settings(
    request: HttpRequest, enterprise: Enterprise, form: EnterpriseForm, deprovision_form: DeprovisionForm
) -> HttpResponse:
    if not has_right(request.user, Right.CHANGE_CUSTOMERS):
        for field in form.fields.values():
            field.disabled = True
    context = {"enterprise": enterprise, "form": form, "deprovision_form": deprovision_form}
    return render(request, "staff/settings.html", context)


def _provision(request: HttpRequest, enterprise: Enterprise) -> HttpResponse:
    try:
        provisioning.provision(enterprise, Actor.from_request(request))
    except gateway.Refused as refusal:
        messages.error(
            request,
            _("%(enterprise)s is saved, but not provisioned: %(reason)s")
            % {"enterprise": enterprise.name, "reason": refusal.describe()},
        )
    except gateway.Unavailable as error:
        messages.warning(
            request,
            _("%(enterprise)s is saved, and the worker will try again: %(reason)s")
            % {"enterprise": enterprise.name, "reason": error.describe()},
        )
    else:
        messages.success(request, _("%(enterprise)s is provisioned.") % {"enterprise": enterprise.name})
    return redirect("staff:customer", enterprise.slug)
