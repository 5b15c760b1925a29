from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from audit.admin_lists import BoundedPaginator
from audit.models import AuditEntry


class ReadOnlyAdmin(admin.ModelAdmin):
    """An admin page that shows rows and cannot edit them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "subject_name", "action_label", "actor", "target", "outcome", "client_ip"]
    list_filter = ["action"]
    search_fields = ["subject_name", "actor", "target", "outcome"]
    date_hierarchy = "at"
    ordering = ["-at", "-id"]
    paginator = BoundedPaginator
    show_full_result_count = False
