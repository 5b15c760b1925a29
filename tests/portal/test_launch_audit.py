"""Every launch is in the audit log with its outcome, including refused and killed ones."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
import responses
from django.utils import timezone

from audit.models import AuditEntry
from enterprises.models import Enterprise
from hostapp.models import User
from portal.launches import end_interrupted_launches
from portal.models import PortalSession
from sandbox.client import Sandbox
from tests.browser.app import create_organization
from tests.conftest import signed_in
from tests.gateway.test_gateway import API
from tests.portal.test_launch import LINK, PATH
from tests.portal.test_overview import text
from tests.processes import Manage, wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def portal(workos_api: responses.RequestsMock) -> responses.RequestsMock:
    workos_api.post(f"{API}/portal/generate_link", status=201, json={"link": LINK})
    return workos_api


def audited_outcomes() -> list[str]:
    found = AuditEntry.objects.filter(action="portal_opened").order_by("id")
    return list(found.values_list("outcome", flat=True))


def create_launches(enterprise: Enterprise, user: User, *, count: int) -> None:
    launched_at = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=7)
    PortalSession.objects.bulk_create(
        PortalSession(
            enterprise=enterprise, user=user, intent="sso", outcome="opened", launched_at=launched_at, links=1
        )
        for _ in range(count)
    )


def retry_time() -> str:
    """When create_launches' sessions have left the window of ten minutes."""
    launched_at = PortalSession.objects.values_list("launched_at", flat=True)[0]
    return f"{launched_at + timedelta(minutes=10):%H:%M}"


def test_opened_launch_is_in_the_audit_log(portal: responses.RequestsMock, ada: User) -> None:
    signed_in(ada).post(PATH)

    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.target, entry.outcome) == (
        "Ada Adeyemi <ada@acme.example>", "Single sign-on", "Opened",
    )  # fmt: skip
    assert entry.client_ip == "127.0.0.1"


def test_launches_over_the_user_limit_are_refused_and_audited_once(
    portal: responses.RequestsMock, acme: Enterprise, ada: User
) -> None:
    create_launches(acme, ada, count=30)
    client = signed_in(ada)
    for _ in range(3):
        page = client.post(PATH, follow=True)

    assert f"Too many attempts. You can open the Admin Portal again at {retry_time()} UTC." in text(page.text)
    assert audited_outcomes() == ["Refused: too often"]
    assert not portal.calls


def test_launch_over_the_enterprise_limit_is_refused_and_audited(
    portal: responses.RequestsMock, acme: Enterprise, birch: Enterprise, ada: User, ben: User, cleo: User
) -> None:
    """No user alone is over the limit, and another enterprise is not affected."""
    for number in range(10):
        create_launches(acme, User.objects.create_user(f"c{number}@acme.example"), count=10)
    page = signed_in(ada).post(PATH, follow=True)

    assert "Too many attempts by the IT admins of Acme Inc." in page.text
    assert f"You can open the Admin Portal again at {retry_time()} UTC." in text(page.text)
    assert audited_outcomes() == ["Refused: too often"]
    assert signed_in(cleo).post("/enterprises/birch-ltd/portal/sso/").status_code == 303


@pytest.mark.parametrize("outcome", ["refused", "unavailable", "requested", "interrupted"])
def test_failed_launches_do_not_count(
    portal: responses.RequestsMock, acme: Enterprise, ada: User, outcome: str
) -> None:
    create_launches(acme, ada, count=40)
    PortalSession.objects.update(outcome=outcome, links=0)

    assert signed_in(ada).post(PATH).status_code == 303


def test_outage_locks_nobody_out(workos_api: responses.RequestsMock, ada: User, settings: Any) -> None:
    settings.PORTAL_LIMIT_PERSON = 2
    failing = workos_api.post(f"{API}/portal/generate_link", status=503)
    client = signed_in(ada)
    for _ in range(5):
        client.post(PATH)
    workos_api.remove(failing)
    workos_api.post(f"{API}/portal/generate_link", status=201, json={"link": LINK})

    assert [client.post(PATH).status_code for _ in range(3)] == [303, 303, 302]


def test_second_link_of_one_session_counts_and_its_failure_does_not(
    portal: responses.RequestsMock, ada: User, settings: Any
) -> None:
    settings.PORTAL_LIMIT_PERSON = 3
    client, nonce = signed_in(ada), {"nonce": str(uuid.uuid4())}
    client.post(PATH, nonce)
    client.post(PATH, nonce)
    portal.replace("POST", f"{API}/portal/generate_link", status=503)
    client.post(PATH, nonce)

    session = PortalSession.objects.get()
    assert (session.links, session.outcome) == (2, "opened")


def test_rate_limit_ends_after_its_window(
    portal: responses.RequestsMock, acme: Enterprise, ada: User
) -> None:
    create_launches(acme, ada, count=30)
    PortalSession.objects.update(launched_at=timezone.now() - timedelta(minutes=10, seconds=1))

    assert signed_in(ada).post(PATH).status_code == 303


@pytest.mark.django_db(transaction=True)
def test_launch_killed_during_the_workos_call_is_audited_as_interrupted(
    workos_sandbox: Sandbox, manage: Manage, acme: Enterprise, ada: User
) -> None:
    create_organization(workos_sandbox, acme)
    workos_sandbox.fault("hang", seconds=30, path="/portal/generate_link")
    process = manage(
        "shell",
        "--no-imports",
        "-c",
        "import uuid\n"
        "from django.utils import timezone\n"
        "from audit.actor import Actor\n"
        "from enterprises.intents import Intent\n"
        "from enterprises.models import Membership\n"
        "from portal.launches import launch\n"
        "membership = Membership.objects.get()\n"
        "actor = Actor.from_user(membership.user, client_ip='192.0.2.7')\n"
        "launch(membership, Intent.SSO, actor, timezone.now(), nonce=uuid.uuid4())",
    )
    wait_until(lambda: not workos_sandbox.request("GET", "faults")["data"])
    process.kill()
    process.communicate()

    assert end_interrupted_launches(timezone.now()) == 0
    later = timezone.now() + timedelta(minutes=1)
    assert end_interrupted_launches(later) == 1
    assert end_interrupted_launches(later) == 0

    assert PortalSession.objects.get().outcome == "interrupted"
    entry = AuditEntry.objects.get(action="portal_opened")
    assert entry.outcome == "Interrupted before WorkOS answered"
    assert (entry.actor, entry.client_ip) == ("Ada Adeyemi <ada@acme.example>", "192.0.2.7")
