"""Pages of the staff, who run this SaaS."""

from django.contrib import messages
from django.contrib.auth.decorators import user_passes_test
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from enterprises import gateway, provisioning
from enterprises.forms import ProvisionForm
from enterprises.models import Enterprise
from enterprises.people import make_it_admin


def _is_staff(user: object) -> bool:
    if not getattr(user, "is_staff", False):
        raise PermissionDenied("Only staff may do this.")
    return True


staff_required = user_passes_test(_is_staff)


@staff_required
def staff_enterprises(request: HttpRequest) -> HttpResponse:
    return render(request, "enterprises/staff_list.html", {"enterprises": Enterprise.objects.all()})


@staff_required
def staff_provision(request: HttpRequest) -> HttpResponse:
    form = ProvisionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            enterprise = provisioning.enroll(name=data["name"], slug=data["slug"], domains=data["domains"])
        except (provisioning.Different, ValueError) as error:
            form.add_error("slug", str(error))
        else:
            if data["it_admin"]:
                make_it_admin(enterprise, data["it_admin"])
            return _provision(request, enterprise)
    return render(request, "enterprises/staff_provision.html", {"form": form})


@require_POST
@staff_required
def staff_provision_again(request: HttpRequest, slug: str) -> HttpResponse:
    return _provision(request, get_object_or_404(Enterprise, slug=slug))


def _provision(request: HttpRequest, enterprise: Enterprise) -> HttpResponse:
    try:
        provisioning.provision(enterprise)
    except gateway.Refused as refusal:
        messages.error(
            request, f"{enterprise.name} is saved, but not provisioned: {refusal}{_quote(refusal)}"
        )
    except gateway.Unavailable as error:
        messages.warning(
            request, f"{enterprise.name} is saved. {error} Provision it again in a moment.{_quote(error)}"
        )
    else:
        messages.success(request, f"{enterprise.name} is provisioned.")
    return redirect("staff_enterprises")


def _quote(error: gateway.GatewayError) -> str:
    return f" Reference: {error.reference}." if error.reference else ""
