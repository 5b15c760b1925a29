"""Admin pages of the mirror. Rows are what WorkOS said, so nothing can be edited."""

from django.contrib import admin

from audit.admin import ReadOnlyAdmin
from mirror.models import Certificate, Connection, Directory, Organization, OrganizationDomain


@admin.register(Organization)
class OrganizationAdmin(ReadOnlyAdmin):
    list_display = ["organization_id", "name", "as_of", "reconciled_at", "deleted_at"]
    list_filter = [
        ("deleted_at", admin.EmptyFieldListFilter),
        ("reconcile_problems", admin.EmptyFieldListFilter),
    ]
    search_fields = ["organization_id", "name"]


class MirrorAdmin(ReadOnlyAdmin):
    list_filter = ["state"]
    list_select_related = ["organization"]


@admin.register(Connection)
class ConnectionAdmin(MirrorAdmin):
    list_display = ["connection_id", "organization", "connection_type", "name", "state", "as_of"]
    search_fields = ["connection_id", "organization__organization_id", "organization__name", "name"]


@admin.register(Directory)
class DirectoryAdmin(MirrorAdmin):
    list_display = ["directory_id", "organization", "directory_type", "name", "state", "as_of"]
    search_fields = ["directory_id", "organization__organization_id", "organization__name", "name"]


@admin.register(OrganizationDomain)
class OrganizationDomainAdmin(MirrorAdmin):
    list_display = ["domain", "organization", "state", "reason", "as_of"]
    search_fields = ["domain", "domain_id", "organization__organization_id", "organization__name"]


@admin.register(Certificate)
class CertificateAdmin(MirrorAdmin):
    list_display = ["connection_id", "organization", "expires_at", "state", "as_of"]
    search_fields = ["connection_id", "organization__organization_id", "organization__name"]
