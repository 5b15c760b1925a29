"""Pages for the staff, who run this SaaS."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

import gateway
from audit.actor import Actor
from audit.log import audit_entries_for
from enterprises import access, lifecycle, provisioning
from enterprises.locks import limited_lock_waits
from enterprises.mail import find_refusal
from enterprises.memberships import add_it_admin
from enterprises.models import Enterprise
from enterprises.reauthentication import require_reauthentication
from hostapp.staff.forms import DeprovisionForm, EnterpriseForm, ProvisionForm
from outbox.models import Task


@login_required
@never_cache
def list_enterprises(request: HttpRequest) -> HttpResponse:
    access.require_staff(request.user)
    enterprises = Enterprise.objects.select_related("organization")
    return render(request, "staff/customers.html", {"enterprises": enterprises})


@login_required
@never_cache
def provision_enterprise(request: HttpRequest) -> HttpResponse:
    access.require_staff(request.user)
    form = ProvisionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        if data["it_admin"] and (
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
                if data["it_admin"]:
                    add_it_admin(enterprise, data["it_admin"], Actor.from_request(request), timezone.now())
        except (provisioning.SlugConflict, ValueError) as error:
            form.add_error("slug", str(error))
        else:
            return _provision(request, enterprise)
    return render(request, "staff/provision.html", {"form": form})


@login_required
@require_POST
@never_cache
def provision_enterprise_again(request: HttpRequest, slug: str) -> HttpResponse:
    access.require_staff(request.user)
    return _provision(request, _get_enterprise(slug))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def show_enterprise(request: HttpRequest, slug: str) -> HttpResponse:
    access.require_staff(request.user)
    enterprise = _get_enterprise(slug)
    form = EnterpriseForm.for_enterprise(enterprise, request.POST or None)
    if request.method == "POST" and enterprise.deprovisioned_at:
        messages.error(
            request,
            _("%(enterprise)s is deprovisioned. Nothing was changed.") % {"enterprise": enterprise.name},
        )
        return redirect("staff:customer", slug)
    if request.method == "POST" and form.is_valid():
        data, actor, now = form.cleaned_data, Actor.from_request(request), timezone.now()
        with limited_lock_waits():
            lifecycle.rename(enterprise, data["name"], actor, now)
            lifecycle.change_domains(enterprise, data["domains"], actor, now)
            lifecycle.change_plan(enterprise, data["intents"], actor, now)
        messages.success(
            request,
            _("%(enterprise)s is saved. Changes will reach WorkOS shortly.")
            % {"enterprise": enterprise.name},
        )
        return redirect("staff:customer", slug)
    return _render_enterprise(request, enterprise, form, DeprovisionForm(enterprise=enterprise))


@login_required
@require_POST
@never_cache
def deprovision_enterprise(request: HttpRequest, slug: str) -> HttpResponse:
    access.require_staff(request.user)
    enterprise = _get_enterprise(slug)
    form = DeprovisionForm(request.POST, enterprise=enterprise)
    if enterprise.deprovisioned_at:
        messages.error(
            request,
            _("%(enterprise)s was deprovisioned before. Nothing was changed.")
            % {"enterprise": enterprise.name},
        )
        return redirect("staff:customer", slug)
    if form.is_valid():
        if page := require_reauthentication(
            request,
            purpose=_("deprovision %(enterprise)s") % {"enterprise": enterprise.name},
            back_url=reverse("staff:customer", args=[slug]),
            now=timezone.now(),
        ):
            return page
        with limited_lock_waits():
            lifecycle.deprovision(enterprise, Actor.from_request(request), timezone.now())
        messages.success(
            request,
            _("%(enterprise)s is deprovisioned. Its audit log is kept.") % {"enterprise": enterprise.name},
        )
        return redirect("staff:customer", slug)
    return _render_enterprise(request, enterprise, EnterpriseForm.for_enterprise(enterprise), form)


def _get_enterprise(slug: str) -> Enterprise:
    return get_object_or_404(Enterprise.objects.select_related("organization"), slug=slug)


def _render_enterprise(
    request: HttpRequest, enterprise: Enterprise, form: EnterpriseForm, deprovision_form: DeprovisionForm
) -> HttpResponse:
    return render(
        request,
        "staff/customer.html",
        {
            "enterprise": enterprise,
            "form": form,
            "deprovision_form": deprovision_form,
            "tasks": Task.objects.filter(subject=enterprise.external_id).order_by("due_at"),
            "audit_entries": audit_entries_for(enterprise)[:20],
            "members": enterprise.memberships.select_related("user")
            .annotate(mail_refusal=find_refusal("user__email"))
            .order_by("role", "user__email"),
            "invitations": enterprise.invitations.annotate(mail_refusal=find_refusal("email")).order_by(
                "email"
            ),
        },
    )


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
    return redirect("staff:customers")
