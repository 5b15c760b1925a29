"""Run a failing outbox task of a customer at once."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from audit.actor import Actor
from hostapp.staff.rights import Right, as_current_staff, staff_only
from hostapp.staff.task_retries import retry_tasks_as
from hostapp.staff.views.customer import get_customer
from outbox.models import Task


@staff_only(Right.RETRY_TASKS)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def retry_task(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """A page that asks for confirmation, and the retry."""
    enterprise, now = get_customer(slug), timezone.now()
    tasks = Task.objects.filter(subject=enterprise.external_id)
    if request.method != "POST":
        context = {"enterprise": enterprise, "task": get_object_or_404(tasks, pk=number), "now": now}
        return render(request, "staff/retry_task.html", context)
    task = tasks.filter(pk=number).first()
    if task is None:
        messages.info(request, _("This task is already done. Nothing was changed."))
        return redirect("staff:customer", slug)
    with as_current_staff(request, enterprise, Right.RETRY_TASKS):
        is_new = bool(retry_tasks_as(tasks.filter(pk=task.pk), Actor.from_request(request), now))
    if is_new:
        messages.success(request, _("%(task)s: a worker runs it now.") % {"task": task.label})
    else:
        messages.info(request, _("%(task)s: a worker is already about to run it.") % {"task": task.label})
    return redirect("staff:customer", slug)
