"""Outbox tasks in the admin. They are here and not in `outbox`, which knows no audit log."""

from collections import Counter
from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audit.actor import Actor
from audit.admin import ReadOnlyAdmin
from audit.admin_lists import BoundedPaginator
from enterprises.locks import limited_lock_waits
from enterprises.models import Enterprise
from hostapp.staff.task_retries import retry_tasks_as
from outbox.models import Task

# The most tasks that one request retries.
_MAX_RETRIED = 1000


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin):
    list_display = ["label", "customer", "key", "attempts", "error", "due_at", "enqueued_at"]
    list_filter = ["kind", ("error", admin.EmptyFieldListFilter)]
    search_fields = ["subject", "key", "error"]
    ordering = ["due_at"]
    paginator = BoundedPaginator
    show_full_result_count = False
    actions = ["retry_now"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        enterprises = Enterprise.objects.filter(external_id=OuterRef("subject"))
        tasks: QuerySet[Task] = super().get_queryset(request)
        return tasks.annotate(customer_name=Subquery(enterprises.values("name")[:1]))

    @admin.display(description=gettext_lazy("Customer"))
    def customer(self, task: Any) -> str:
        return task.customer_name or ""

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("outbox.change_task")

    @admin.action(description=gettext_lazy("Retry now…"), permissions=["retry"])
    def retry_now(self, request: HttpRequest, queryset: QuerySet[Task]) -> HttpResponse | None:
        # The list's order is not that of the locks, and its annotations are not needed.
        tasks = Task.objects.filter(pk__in=queryset.order_by().values("pk")[: _MAX_RETRIED + 1])
        kinds = Counter(tasks.values_list("kind", flat=True))
        if kinds.total() > _MAX_RETRIED:
            self.message_user(
                request,
                ngettext(
                    "Select at most %(number)d task. Nothing was changed.",
                    "Select at most %(number)d tasks. Nothing was changed.",
                    _MAX_RETRIED,
                )
                % {"number": _MAX_RETRIED},
                messages.ERROR,
            )
            return None
        if "confirmed" not in request.POST:
            return self._ask(request, kinds)
        with limited_lock_waits():
            count = retry_tasks_as(tasks, Actor.from_request(request), timezone.now())
        if count:
            text = ngettext("%(count)d task will run now.", "%(count)d tasks will run now.", count)
            self.message_user(request, text % {"count": count}, messages.SUCCESS)
        if count < kinds.total():
            text = ngettext(
                "%(count)d task was already about to run.",
                "%(count)d tasks were already about to run.",
                kinds.total() - count,
            )
            self.message_user(request, text % {"count": kinds.total() - count}, messages.INFO)
        return None

    def _ask(self, request: HttpRequest, kinds: Counter[str]) -> HttpResponse:
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("Retry now?"),
            "total": kinds.total(),
            "kinds": [(Task(kind=kind).label, count) for kind, count in kinds.most_common()],
            "selected": request.POST.getlist("_selected_action"),
            "select_across": request.POST.get("select_across", "0"),
        }
        return render(request, "admin/outbox/retry.html", context)
