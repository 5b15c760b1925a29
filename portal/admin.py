from django.contrib import admin
from django.http import HttpRequest

from portal.models import PortalSession


@admin.register(PortalSession)
class PortalSessionAdmin(admin.ModelAdmin):
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

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
