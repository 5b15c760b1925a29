from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy

from outbox.models import WorkerHeartbeat


class ReadOnlyAdmin(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(WorkerHeartbeat)
class WorkerHeartbeatAdmin(ReadOnlyAdmin):
    list_display = ["host", "pid", "is_alive", "started_at", "last_seen_at"]
    ordering = ["-last_seen_at"]

    @admin.display(description=gettext_lazy("alive"), boolean=True)
    def is_alive(self, heartbeat: WorkerHeartbeat) -> bool:
        return heartbeat.is_alive(now=timezone.now())
