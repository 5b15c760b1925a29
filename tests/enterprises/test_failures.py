"""Why a call to WorkOS failed is stored, and found by the reference that a person was shown."""

from datetime import timedelta

import pytest
import requests
import responses
from django.utils import timezone

import gateway
from audit.actor import Actor
from enterprises import lifecycle, provisioning
from enterprises.failures import find_failures, prune_failures, record_failure
from enterprises.models import Enterprise, Failure
from enterprises.tasks import TaskKind
from hostapp.models import User
from outbox import queue
from outbox.models import Task
from outbox.runner import run_due_tasks
from portal.models import PortalSession, SetupLink
from tests.conftest import ACME_ORGANIZATION, signed_in
from tests.gateway.test_gateway import API, organization
from tests.portal.test_setup_links import CONTACT

pytestmark = pytest.mark.django_db

LAUNCH = "/enterprises/acme-inc/portal/sso/"
LINKS = "/enterprises/acme-inc/setup-links/"
CONTACTS = f"{API}/organizations/{ACME_ORGANIZATION}/it_contacts"
FORM = {"email": "ines@provider.example", "intents": ["sso"]}
REQUEST = {"X-Request-ID": "req_1"}


def answer(api: responses.RequestsMock, path: str, status: int) -> None:
    api.post(path, status=status, json={"code": "some_code"}, headers=REQUEST)


def test_failed_launch_stores_its_cause_under_the_reference_on_the_page(
    workos_api: responses.RequestsMock, ada: User
) -> None:
    answer(workos_api, f"{API}/portal/generate_link", 422)

    page = signed_in(ada).post(LAUNCH, follow=True)

    session, failure = PortalSession.objects.get(), Failure.objects.get()
    assert session.failure == failure
    assert session.reference == failure.reference
    assert f"Reference: <code>{failure.reference}</code>" in page.text
    assert (failure.kind, failure.status, failure.code, failure.request_id) == (
        "refused", 422, "some_code", "req_1",
    )  # fmt: skip
    assert (failure.activity, failure.actor) == ("portal_launch", "Ada Adeyemi <ada@acme.example>")
    assert failure.cause == "WorkOS answered 422, code some_code, request req_1"


def test_second_press_that_fails_is_stored_and_leaves_the_session_open(
    workos_api: responses.RequestsMock, ada: User
) -> None:
    nonce = {"nonce": "5ad1f5a1-7bb4-4a3e-8b4c-2f8d2e6c1a11"}
    good = workos_api.post(f"{API}/portal/generate_link", json={"link": "https://setup.workos.com?token=t"})
    client = signed_in(ada)
    client.post(LAUNCH, nonce)
    workos_api.remove(good)
    workos_api.post(f"{API}/portal/generate_link", body=requests.ReadTimeout())
    page = client.post(LAUNCH, nonce, follow=True)

    session = PortalSession.objects.select_related("failure").get()
    assert session.outcome == "opened"
    assert session.failure
    assert session.failure.reference in page.text
    assert session.failure.cause == "WorkOS sent no answer."


@pytest.mark.parametrize(("status", "state"), [(409, "failed"), (422, "failed"), (500, "requested")])
def test_setup_link_that_was_not_sent_stores_its_cause(
    workos_api: responses.RequestsMock, ada: User, status: int, state: str
) -> None:
    workos_api.post(CONTACTS, status=201, json=CONTACT)
    answer(workos_api, f"{CONTACTS}/it_contact_1/invite", status)

    page = signed_in(ada).post(LINKS, FORM, follow=True)

    link = SetupLink.objects.select_related("failure").get()
    assert link.state == state
    assert link.failure
    assert (link.failure.status, link.failure.target) == (status, "ines@provider.example")
    # 409 has words of its own: the person can act without support.
    assert (link.failure.reference in page.text) is (status != 409)


def test_setup_link_that_was_not_revoked_stores_its_cause(
    workos_api: responses.RequestsMock, ada: User, acme: Enterprise
) -> None:
    now = timezone.now()
    link = SetupLink.objects.create(
        enterprise=acme, email="x@x.example", intents=["sso"], state="sent", contact_id="it_contact_1",
        sent_by=ada, requested_at=now, expires_at=now + timedelta(days=1),
    )  # fmt: skip
    answer(workos_api, f"{CONTACTS}/it_contact_1/revoke", 503)

    page = signed_in(ada).post(f"{LINKS}{link.pk}/revoke/", follow=True)

    link.refresh_from_db()
    assert link.failure
    assert (link.state, link.failure.activity, link.failure.status) == ("sent", "setup_link_revocation", 503)
    assert link.failure.reference in page.text


@pytest.fixture
def refused(workos_api: responses.RequestsMock) -> Enterprise:
    """An enterprise that WorkOS refused to provision, before the next call fails."""
    enterprise = provisioning.enroll(name="Cedar GmbH", domains=["acme.example"])
    look_up = f"{API}/organizations/external_id/{enterprise.external_id}"
    missing = workos_api.get(look_up, status=404, json={})
    answer(workos_api, f"{API}/organizations", 409)
    with pytest.raises(gateway.Refused):
        provisioning.provision(enterprise)
    workos_api.remove(missing)
    workos_api.get(look_up, status=500, json={}, headers={"X-Request-ID": "req_2"})
    return enterprise


def test_passing_error_does_not_hide_a_refusal(refused: Enterprise) -> None:
    run_due_tasks(now=timezone.now() + timedelta(hours=1))

    refused.refresh_from_db()
    assert refused.provisioning == Enterprise.Provisioning.NEEDS_ATTENTION
    assert "belongs to another organization" in refused.attention
    assert refused.refusal
    assert (refused.refusal.status, refused.refusal.request_id) == (409, "req_1")
    newest = refused.failures.latest("at")
    assert (newest.kind, newest.request_id) == ("unavailable", "req_2")
    assert Task.objects.get(kind=TaskKind.PROVISION).error == (
        f"WorkOS has a problem of its own. (HTTP 500, request req_2, reference {newest.reference})"
    )


def test_refusal_stays_while_provisioning_is_tried_again(refused: Enterprise, sam: User) -> None:
    page = signed_in(sam).post(f"/staff/enterprises/{refused.slug}/provision/", follow=True)

    refused.refresh_from_db()
    assert "belongs to another organization" in refused.attention
    newest = refused.failures.latest("at")
    assert (newest.kind, newest.actor) == ("unavailable", "Sam Staff <sam@saas.example>")
    assert newest.reference in page.text


@pytest.mark.parametrize("change", ["domains", "name"])
def test_changed_input_clears_the_refusal_and_provisions_again(
    refused: Enterprise, sam: User, change: str
) -> None:
    actor, now = Actor.from_user(sam), timezone.now()
    if change == "domains":
        lifecycle.change_domains(refused, ["cedar.example"], actor, now)
    else:
        lifecycle.rename(refused, "Cedar AG", actor, now)

    refused.refresh_from_db()
    assert (refused.attention, refused.refusal) == ("", None)
    assert Task.objects.get(kind=TaskKind.PROVISION).due_at <= timezone.now()


def test_unchanged_domains_keep_the_refusal(refused: Enterprise, sam: User) -> None:
    lifecycle.change_domains(refused, ["acme.example"], Actor.from_user(sam), timezone.now())

    refused.refresh_from_db()
    assert refused.attention


def test_success_clears_the_refusal(workos_api: responses.RequestsMock, refused: Enterprise) -> None:
    look_up = f"{API}/organizations/external_id/{refused.external_id}"
    workos_api.remove(responses.GET, look_up)
    workos_api.get(look_up, json=organization(external_id=str(refused.external_id)))

    provisioning.provision(refused)

    assert (refused.organization_id, refused.attention, refused.refusal) == (
        organization()["id"], "", None,
    )  # fmt: skip


def test_failed_task_names_its_cause(workos_api: responses.RequestsMock, acme: Enterprise) -> None:
    workos_api.put(
        f"{API}/organizations/{ACME_ORGANIZATION}", status=403, json={"code": "forbidden"}, headers=REQUEST
    )
    queue.enqueue(TaskKind.PUSH_NAME, acme.external_id)

    run_due_tasks(now=timezone.now())

    error = Task.objects.get().error
    assert error.startswith(
        "Our API key may not do this in WorkOS. (HTTP 403, code forbidden, request req_1, reference "
    )


def test_failure_is_found_by_what_a_person_quotes(acme: Enterprise, birch: Enterprise) -> None:
    actor, now = Actor("", None), timezone.now()
    error = gateway.Refused("No.", status=422, request_id="req_1")
    one = record_failure(acme, Failure.Activity.PORTAL_LAUNCH, error, actor, now)
    record_failure(birch, Failure.Activity.PORTAL_LAUNCH, gateway.Refused("No."), actor, now)

    for quoted in (one.reference, f" {one.reference.upper()} ", "req_1"):
        assert list(find_failures(quoted)) == [one]
    for quoted in ("", " ", "zzz"):
        assert not find_failures(quoted)


def test_failures_are_pruned_after_90_days_and_references_stay(
    workos_api: responses.RequestsMock, ada: User
) -> None:
    answer(workos_api, f"{API}/portal/generate_link", 422)
    signed_in(ada).post(LAUNCH)
    now = timezone.now()

    assert prune_failures(now + timedelta(days=89)) == 0
    assert prune_failures(now + timedelta(days=91)) == 1
    session = PortalSession.objects.get()
    assert session.failure is None
    assert len(session.reference) == 8


def test_unstorable_characters_of_workos_are_replaced(acme: Enterprise) -> None:
    error = gateway.Refused("No.", status=422, code="a\0b", request_id="x" * 200)

    failure = record_failure(acme, Failure.Activity.PORTAL_LAUNCH, error, Actor("", None), timezone.now())

    failure.refresh_from_db()
    assert (failure.code, len(failure.request_id)) == ("a\ufffdb", 100)
