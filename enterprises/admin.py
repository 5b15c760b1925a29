from django.contrib import admin
from django.http import HttpRequest

from enterprises.models import Connection, Directory, Enterprise, Membership, OrganizationDomain, SetupLink


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ["user"]


@admin.register(Enterprise)
class EnterpriseAdmin(admin.ModelAdmin):
    list_display = ["name", "slug", "provisioning", "organization_id", "created_at"]
    search_fields = ["name", "slug", "organization_id", "external_id"]
    readonly_fields = [
        "external_id",
        "organization_id",
        "requested_domains",
        "attention",
        "organization_deleted_at",
        "created_at",
    ]
    inlines = [MembershipInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        # The staff's form provisions; a row made here would not.
        return False


class ToldByWorkOS(admin.ModelAdmin):
    """Looked at, never edited: what stands there is what WorkOS said."""

    list_filter = ["state"]
    list_select_related = ["enterprise"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


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
