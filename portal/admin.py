from django.contrib import admin

from audit.admin import ReadOnlyAdmin
from portal.models import PortalSession, SetupLink


@admin.register(PortalSession)
class PortalSessionAdmin(ReadOnlyAdmin):
    list_display = [
        "launched_at",
        "enterprise",
        "user",
        "intent",
        "outcome",
        "reference",
        "returned_at",
        "finished_at",
    ]
    list_filter = ["intent", "outcome"]
    list_select_related = ["enterprise", "user"]
    search_fields = ["enterprise__name", "user__email", "reference"]
    date_hierarchy = "launched_at"


@admin.register(SetupLink)
class SetupLinkAdmin(ReadOnlyAdmin):
    list_display = ["requested_at", "enterprise", "email", "state", "sent_by", "expires_at", "revoked_at"]
    list_filter = ["state"]
    list_select_related = ["enterprise", "sent_by"]
    search_fields = ["email", "enterprise__name"]
