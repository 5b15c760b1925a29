"""Portal links are revoked twice: at once, and when no launch that was under way can still end."""

from datetime import timedelta
from typing import Any

import pytest
import responses
from django.db import transaction
from django.utils import timezone

from audit.models import AuditEntry
from enterprises.models import Enterprise
from hostapp.models import User
from mirror.models import Organization
from outbox.models import Task
from outbox.runner import run_due_tasks
from portal.link_revocation import enqueue_link_revocation
from tests.gateway.test_gateway import API

pytestmark = pytest.mark.django_db


def enqueue(enterprise: Enterprise, user: User) -> None:
    with transaction.atomic():
        enqueue_link_revocation(enterprise, user.pk, user.email, timezone.now())


def test_final_revocation_is_due_after_the_gateway_s_time_out(
    workos_api: responses.RequestsMock, acme: Enterprise, ada: User, settings: Any
) -> None:
    settings.WORKOS_TIMEOUT = 20.0
    workos_api.post(f"{API}/portal/revoke_link", status=204)
    enqueue(acme, ada)
    first = Task.objects.get()
    ran_at = timezone.now()

    run_due_tasks(now=ran_at)

    final = Task.objects.get()
    assert [task.arguments["is_final"] for task in (first, final)] == [False, True]
    assert final.due_at - ran_at > timedelta(seconds=20)


def test_both_revocations_call_workos_and_one_is_audited(
    workos_api: responses.RequestsMock, acme: Enterprise, ada: User
) -> None:
    revocations = workos_api.post(f"{API}/portal/revoke_link", status=204)
    enqueue(acme, ada)

    run_due_tasks(now=timezone.now() + timedelta(minutes=1))

    assert revocations.call_count == 2
    entry = AuditEntry.objects.get(action="portal_links_revoked")
    assert (entry.actor, entry.target) == ("System", "ada@acme.example")


def test_revoking_twice_before_the_worker_runs_calls_workos_once_each(
    workos_api: responses.RequestsMock, acme: Enterprise, ada: User, ben: User
) -> None:
    revocations = workos_api.post(f"{API}/portal/revoke_link", status=204)
    for user in (ada, ada, ben):
        enqueue(acme, user)

    run_due_tasks(now=timezone.now())

    assert revocations.call_count == 2


def test_revocation_for_a_deleted_organization_calls_nothing(
    workos_api: responses.RequestsMock, acme: Enterprise, ada: User
) -> None:
    Organization.objects.update(deleted_at=timezone.now())
    enqueue(acme, ada)

    run_due_tasks(now=timezone.now() + timedelta(minutes=1))

    assert not workos_api.calls
    assert not Task.objects.exists()
