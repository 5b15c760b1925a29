"""For staff: everything to be looked at and searched. What changes something says so to WorkOS, too."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe

import gateway
from enterprises import provisioning, refresh
from enterprises.addresses import client_address
from enterprises.models import (
    Certificate,
    Connection,
    Directory,
    Enterprise,
    Errand,
    HistoryEntry,
    Invitation,
    Membership,
    OrganizationDomain,
    SetupLink,
)


class Shown(admin.ModelAdmin):
    """Looked at, never edited: what stands there is what happened."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, state.label) for state in Enterprise.Provisioning]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Enterprise]) -> QuerySet[Enterprise]:
        if not (state := self.value()):
            return queryset
        return queryset.filter(pk__in=Enterprise.objects.in_state(state).values("pk"))


@admin.register(Enterprise)
class EnterpriseAdmin(admin.ModelAdmin):
    list_display = ["name", "slug", "state", "organization_id", "environment", "to_be_told", "created_at"]
    list_filter = [StateFilter, "environment"]
    search_fields = ["name", "slug", "organization_id", "external_id", "requested_domains"]
    readonly_fields = (
        "name",
        "slug",
        "staff_page",
        "state",
        "next_step",
        "attention",
        "organization_id",
        "environment",
        "external_id",
        "requested_domains",
        "intents",
        "people",
        "provisioning_since",
        "organization_deleted_at",
        "deprovisioned_at",
        "created_at",
    )
    fields = readonly_fields
    actions = ["retry", "reconcile"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Enterprise]:
        found: QuerySet[Enterprise] = super().get_queryset(request)
        return found.annotate(failing=Count("errands", filter=~Q(errands__error="")))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        # There is nothing to save: the actions of the list need the right to change.
        nothing = {"show_save": False, "show_save_and_continue": False}
        return super().change_view(request, object_id, form_url, {**nothing, **(extra_context or {})})

    @admin.display(description="state")
    def state(self, enterprise: Enterprise) -> str:
        return str(enterprise.provisioning.label)

    @admin.display(description="not told yet", ordering="failing")
    def to_be_told(self, enterprise: Any) -> str:
        return f"{enterprise.failing} errands do not succeed" if enterprise.failing else ""

    @admin.display(description="change it")
    def staff_page(self, enterprise: Enterprise) -> str:
        address = reverse("staff_enterprise", args=[enterprise.slug])
        return format_html('<a href="{}">Name, domains, plan and its end</a>', address)

    @admin.display(description="people")
    def people(self, enterprise: Enterprise) -> str:
        """Changed on the members' page and by `invite_it_admin`: with the rules, and with what follows."""
        members = Membership.objects.filter(enterprise=enterprise).select_related("user")
        lines = [
            (member.user.get_username(), member.get_role_display())
            for member in members.order_by("role", "user__email")
        ]
        return format_html_join(mark_safe("<br>"), "{}: {}", lines) or "Nobody yet"

    @admin.action(description="Provision again")
    def retry(self, request: HttpRequest, queryset: QuerySet[Enterprise]) -> None:
        who: Any = request.user
        for enterprise in queryset:
            try:
                provisioning.provision(enterprise, who=who, client_address=client_address(request))
            except gateway.GatewayError as error:
                self.message_user(request, f"{enterprise.name}: {error}", messages.ERROR)
            else:
                self.message_user(request, f"{enterprise.name} is provisioned.", messages.SUCCESS)

    @admin.action(description="Reconcile with WorkOS (the worker does it)")
    def reconcile(self, request: HttpRequest, queryset: QuerySet[Enterprise]) -> None:
        known = queryset.exclude(organization_id=None).filter(organization_deleted_at=None)
        for enterprise in known:
            refresh.ask(enterprise)
            Errand.objects.record(Errand.Kind.RENAME, enterprise=enterprise)
            for domain in enterprise.requested_domains:
                Errand.objects.record(Errand.Kind.PUSH_DOMAIN, enterprise=enterprise, key=domain)
        self.message_user(request, f"{len(known)} are compared within moments.", messages.SUCCESS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        # The staff's form provisions; a row made here would not.
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        # Deprovisioning tells WorkOS and keeps the history.
        return False


@admin.register(Errand)
class ErrandAdmin(Shown):
    list_display = ["word", "enterprise", "key", "attempts", "error", "due_at", "recorded_at"]
    list_filter = ["kind", ("error", admin.EmptyFieldListFilter)]
    list_select_related = ["enterprise"]
    search_fields = ["enterprise__name", "enterprise__slug", "key", "error"]
    ordering = ["due_at"]
    actions = ["at_once"]

    @admin.action(description="Try again at once", permissions=["view"])
    def at_once(self, request: HttpRequest, queryset: QuerySet[Errand]) -> None:
        now = timezone.now()
        self.message_user(request, f"{queryset.update(due_at=now)} are tried again now.", messages.SUCCESS)


@admin.register(HistoryEntry)
class HistoryEntryAdmin(Shown):
    list_display = ["at", "enterprise_name", "word", "who", "for_whom", "outcome", "client_address"]
    list_filter = ["deed"]
    search_fields = ["enterprise_name", "who", "for_whom", "outcome"]
    date_hierarchy = "at"
    ordering = ["-at", "-id"]
    show_full_result_count = False


@admin.register(Invitation)
class InvitationAdmin(Shown):
    list_display = ["email", "enterprise", "role", "invited_by", "expires_at"]
    list_filter = ["role"]
    list_select_related = ["enterprise"]
    search_fields = ["email", "enterprise__name"]
    exclude = ["token_hash"]


@admin.register(Membership)
class MembershipAdmin(Shown):
    list_display = ["user", "enterprise", "role", "created_at"]
    list_filter = ["role"]
    list_select_related = ["enterprise", "user"]
    search_fields = ["user__email", "user__name", "enterprise__name"]


class ToldByWorkOS(Shown):
    """What stands there is what WorkOS said."""

    list_filter = ["state"]
    list_select_related = ["enterprise"]


@admin.register(Connection)
class ConnectionAdmin(ToldByWorkOS):
    list_display = ["connection_id", "enterprise", "connection_type", "name", "state", "as_of"]
    search_fields = ["connection_id", "enterprise__name", "name"]


@admin.register(Directory)
class DirectoryAdmin(ToldByWorkOS):
    list_display = ["directory_id", "enterprise", "directory_type", "name", "state", "as_of"]
    search_fields = ["directory_id", "enterprise__name", "name"]


@admin.register(OrganizationDomain)
class OrganizationDomainAdmin(ToldByWorkOS):
    list_display = ["domain", "enterprise", "state", "reason", "as_of"]
    search_fields = ["domain", "domain_id", "enterprise__name"]


@admin.register(SetupLink)
class SetupLinkAdmin(ToldByWorkOS):
    list_display = ["asked_at", "enterprise", "email", "state", "sent_by", "expires_at", "revoked_at"]
    list_select_related = ["enterprise", "sent_by"]
    search_fields = ["email", "enterprise__name"]


@admin.register(Certificate)
class CertificateAdmin(ToldByWorkOS):
    list_display = ["connection_id", "enterprise", "expires_at", "renewal_required", "as_of"]
    list_filter = ["renewal_required"]
    search_fields = ["connection_id", "enterprise__name"]
