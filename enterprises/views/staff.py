"""Pages of the staff, who run this SaaS."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

import gateway
from enterprises import access, changing, history, provisioning
from enterprises.addresses import client_address
from enterprises.forms import ChangeForm, DeprovisionForm, ProvisionForm
from enterprises.models import Enterprise, Errand
from enterprises.people import make_it_admin


@never_cache
def staff_enterprises(request: HttpRequest) -> HttpResponse:
    access.require_staff(request.user)
    return render(request, "enterprises/staff_list.html", {"enterprises": Enterprise.objects.all()})


@never_cache
def staff_provision(request: HttpRequest) -> HttpResponse:
    access.require_staff(request.user)
    form = ProvisionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            enterprise = provisioning.enroll(name=data["name"], slug=data["slug"], domains=data["domains"])
        except (provisioning.Different, ValueError) as error:
            form.add_error("slug", str(error))
        else:
            if data["it_admin"]:
                make_it_admin(enterprise, data["it_admin"], who=_by(request)["who"])
            return _provision(request, enterprise)
    return render(request, "enterprises/staff_provision.html", {"form": form})


@require_POST
@never_cache
def staff_provision_again(request: HttpRequest, slug: str) -> HttpResponse:
    access.require_staff(request.user)
    return _provision(request, get_object_or_404(Enterprise, slug=slug))


@require_http_methods(["GET", "POST"])
@never_cache
def staff_enterprise(request: HttpRequest, slug: str) -> HttpResponse:
    access.require_staff(request.user)
    enterprise = get_object_or_404(Enterprise, slug=slug)
    held = {
        "name": enterprise.name,
        "domains": enterprise.requested_domains,
        "intents": enterprise.intents,
    }
    form = ChangeForm(request.POST or None, initial=held)
    if request.method == "POST" and form.is_valid() and not enterprise.deprovisioned_at:
        data = form.cleaned_data
        by = _by(request)
        with transaction.atomic():
            changing.rename(enterprise, data["name"], **by)
            changing.change_domains(enterprise, data["domains"], **by)
            changing.change_plan(enterprise, data["intents"], **by)
        messages.success(request, f"{enterprise.name} is saved. WorkOS is told within moments.")
        return redirect("staff_enterprise", slug)
    return _staff_page(request, enterprise, form, DeprovisionForm(enterprise=enterprise))


@require_POST
@never_cache
def staff_deprovision(request: HttpRequest, slug: str) -> HttpResponse:
    access.require_staff(request.user)
    enterprise = get_object_or_404(Enterprise, slug=slug)
    form = DeprovisionForm(request.POST, enterprise=enterprise)
    if form.is_valid():
        changing.deprovision(enterprise, **_by(request))
        messages.success(request, f"{enterprise.name} is deprovisioned. Its history is kept.")
        return redirect("staff_enterprise", slug)
    held = {
        "name": enterprise.name,
        "domains": enterprise.requested_domains,
        "intents": enterprise.intents,
    }
    return _staff_page(request, enterprise, ChangeForm(initial=held), form)


def _staff_page(
    request: HttpRequest, enterprise: Enterprise, form: ChangeForm, ending: DeprovisionForm
) -> HttpResponse:
    return render(
        request,
        "enterprises/staff_enterprise.html",
        {
            "enterprise": enterprise,
            "form": form,
            "ending": ending,
            "errands": Errand.objects.filter(enterprise=enterprise).order_by("due_at"),
            "history": history.of(enterprise)[:20],
            "members": enterprise.memberships.select_related("user").order_by("role", "user__email"),
        },
    )


def _by(request: HttpRequest) -> dict[str, Any]:
    return {"who": request.user, "at": timezone.now(), "client_address": client_address(request)}


def _provision(request: HttpRequest, enterprise: Enterprise) -> HttpResponse:
    person: Any = request.user
    try:
        provisioning.provision(enterprise, who=history.named(person), client_address=client_address(request))
    except gateway.Refused as refusal:
        messages.error(
            request, f"{enterprise.name} is saved, but not provisioned: {refusal}{_quote(refusal)}"
        )
    except gateway.Unavailable as error:
        messages.warning(
            request, f"{enterprise.name} is saved. {error} The worker tries again by itself.{_quote(error)}"
        )
    else:
        messages.success(request, f"{enterprise.name} is provisioned.")
    return redirect("staff_enterprises")


def _quote(error: gateway.GatewayError) -> str:
    return f" Reference: {error.request_id}." if error.request_id else ""
