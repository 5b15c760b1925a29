from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy, ngettext

from outbox.models import Task, WorkerHeartbeat


class _ReadOnlyAdmin(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Task)
class TaskAdmin(_ReadOnlyAdmin):
    list_display = ["label", "subject", "key", "attempts", "error", "due_at", "enqueued_at"]
    list_filter = ["kind", ("error", admin.EmptyFieldListFilter)]
    search_fields = ["subject", "key", "error"]
    ordering = ["due_at"]
    actions = ["retry_now"]

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("outbox.change_task")

    @admin.action(description=gettext_lazy("Retry now"), permissions=["retry"])
    def retry_now(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        count = queryset.update(due_at=timezone.now())
        self.message_user(
            request,
            ngettext("%(count)d task will run now.", "%(count)d tasks will run now.", count)
            % {"count": count},
            messages.SUCCESS,
        )


@admin.register(WorkerHeartbeat)
class WorkerHeartbeatAdmin(_ReadOnlyAdmin):
    list_display = ["host", "pid", "is_alive", "started_at", "last_seen_at"]
    ordering = ["-last_seen_at"]

    @admin.display(description=gettext_lazy("alive"), boolean=True)
    def is_alive(self, heartbeat: WorkerHeartbeat) -> bool:
        return heartbeat.is_alive(now=timezone.now())
