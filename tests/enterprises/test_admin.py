"""The Django admin for staff: constant query counts, search, filters, actions and read-only data."""

from datetime import timedelta

import pytest
import responses
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.actions import Action
from audit.actor import COMMAND_LINE
from audit.log import append_audit_entry
from enterprises.models import Enterprise, Invitation, Membership
from enterprises.tasks import TaskKind
from hostapp.models import User
from outbox import queue
from outbox.models import Task
from tests.conftest import signed_in
from tests.factories import (
    create_certificate,
    create_connection,
    create_directory,
    create_domain,
    create_enterprise,
)
from tests.gateway.test_gateway import API

pytestmark = pytest.mark.django_db

LISTS = [
    "enterprises/enterprise",
    "enterprises/invitation",
    "enterprises/membership",
    "mirror/organization",
    "mirror/connection",
    "mirror/directory",
    "mirror/organizationdomain",
    "mirror/certificate",
    "outbox/task",
    "audit/auditentry",
]


@pytest.fixture
def client(sam: User) -> Client:
    sam.is_superuser = True
    sam.save()
    return signed_in(sam)


def create_rows(first: int, last: int) -> None:
    now = timezone.now()
    for number in range(first, last):
        enterprise = create_enterprise(f"Company {number}", f"company-{number}", f"org_{number}")
        user = User.objects.create(email=f"person{number}@acme.example")
        Membership.objects.create(enterprise=enterprise, user=user, role="it_admin")
        create_connection(enterprise, connection_id=number)
        create_directory(enterprise, directory_id=number)
        create_certificate(enterprise, connection_id=number)
        create_domain(enterprise, domain_id=number, domain=f"{number}.example")
        queue.enqueue(TaskKind.PUSH_NAME, enterprise.external_id)
        Invitation.objects.create(
            enterprise=enterprise,
            email=f"guest{number}@acme.example",
            role="member",
            token_hash=number,
            invited_at=now,
            expires_at=now + timedelta(days=30),
        )
        append_audit_entry(enterprise, Action.RENAMED, COMMAND_LINE, now)


def test_query_count_of_a_list_does_not_grow_with_its_rows(client: Client) -> None:
    def count_queries() -> dict[str, int]:
        counts = {}
        for name in (*(f"/admin/{one}/" for one in LISTS), "/staff/enterprises/"):
            with CaptureQueriesContext(
                connection,
            ) as captured:
                assert client.get(name).status_code == 200
            counts[name] = len(captured)
        return counts

    create_rows(0, 2)
    few = count_queries()
    create_rows(2, 200)

    assert count_queries() == few


@pytest.mark.parametrize("name", LISTS)
def test_admin_list_is_searchable_and_refuses_to_add_or_delete(name: str, client: Client) -> None:
    create_rows(0, 2)
    address = f"/admin/{name}/"

    assert client.get(f"{address}?q=Company").status_code == 200
    assert client.get(f"{address}add/").status_code == 403
    ids = {one.pk for one in client.get(address).context["cl"].result_list}
    assert client.get(f"{address}{min(ids)}/delete/").status_code == 403


def test_admin_filters_enterprises_by_provisioning_state(client: Client, acme: Enterprise) -> None:
    Enterprise.objects.create(name="Broken", slug="broken", attention="A reason.")

    page = client.get("/admin/enterprises/enterprise/?state=needs_attention")

    assert "Broken" in page.text
    assert "Acme Inc." not in page.text


def test_forged_form_does_not_change_fields_that_workos_owns(client: Client, acme: Enterprise) -> None:
    client.post(
        f"/admin/enterprises/enterprise/{acme.pk}/change/",
        {
            "name": "Forged",
            "organization_id": "org_forged",
            "memberships-TOTAL_FORMS": 0,
            "memberships-INITIAL_FORMS": 0,
        },
    )

    acme.refresh_from_db()
    assert (acme.name, acme.organization_id) != ("Forged", "org_forged")
    assert acme.name == "Acme Inc."


def test_retry_action_provisions_again_and_shows_the_error(
    client: Client, workos_api: responses.RequestsMock
) -> None:
    broken = Enterprise.objects.create(name="Broken", slug="broken", attention="A reason.")
    workos_api.get(f"{API}/organizations/external_id/{broken.external_id}", status=401, json={})

    page = client.post(
        "/admin/enterprises/enterprise/",
        {"action": "provision_again", "_selected_action": [broken.pk]},
        follow=True,
    )

    assert "Broken: WorkOS does not accept our API key." in page.text


def test_reconcile_action_enqueues_tasks_for_state_name_and_domains(
    client: Client, acme: Enterprise, birch: Enterprise
) -> None:
    Enterprise.objects.filter(pk=acme.pk).update(requested_domains=["acme.example"])

    client.post(
        "/admin/enterprises/enterprise/", {"action": "reconcile", "_selected_action": [acme.pk]}, follow=True
    )

    assert sorted(Task.objects.values_list("subject", "kind", "key")) == [
        (acme.external_id, "push_domain", "acme.example"),
        (acme.external_id, "push_name", ""),
        (acme.external_id, "reconcile", ""),
    ]
