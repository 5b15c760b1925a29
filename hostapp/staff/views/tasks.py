"""Run a failing outbox task of a customer at once."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from audit.actions import Action
from audit.actor import Actor
from audit.log import append_audit_entry
from hostapp.staff.rights import Right, as_current_staff, staff_only
from hostapp.staff.views.customer import get_customer
from outbox import queue
from outbox.models import Task


@staff_only(Right.RETRY_TASKS)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def retry_task(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """A page that asks for confirmation, and the retry."""
    enterprise, now = get_customer(slug), timezone.now()
    tasks = Task.objects.filter(subject=enterprise.external_id)
    if request.method != "POST":
        context = {"enterprise": enterprise, "task": get_object_or_404(tasks, pk=number)}
        return render(request, "staff/retry_task.html", context)
    task = tasks.filter(pk=number).first()
    if task is None:
        messages.info(request, _("This task is done already. Nothing was changed."))
        return redirect("staff:customer", slug)
    with as_current_staff(request, enterprise, Right.RETRY_TASKS):
        is_new = queue.retry_now(task, now)
        if is_new:
            append_audit_entry(
                enterprise,
                Action.TASK_RETRIED,
                Actor.from_request(request),
                now,
                target=task.key,
                outcome=task.label,
            )
    if is_new:
        messages.success(request, _("%(task)s: a worker runs it now.") % {"task": task.label})
    else:
        messages.info(request, _("%(task)s: a worker is already about to run it.") % {"task": task.label})
    return redirect("staff:customer", slug)
