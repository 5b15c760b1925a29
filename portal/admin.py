from django.contrib import admin

from enterprises.admin import Shown
from portal.models import PortalSession


@admin.register(PortalSession)
class PortalSessionAdmin(Shown):
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
