"""A person who loses the right while their request waits for a lock does nothing with it."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import responses
from django.db import connection, transaction
from django.utils import timezone

from audit.actor import COMMAND_LINE
from enterprises import locks, memberships
from enterprises.models import Enterprise, Invitation, Membership, Role
from hostapp.models import User
from outbox.models import Task
from outbox.runner import run_due_tasks
from portal.models import PortalSession, SetupLink
from portal.tasks import REVOKE_PORTAL_LINKS
from tests.conftest import signed_in
from tests.gateway.test_gateway import API
from tests.processes import someone_waits_for_a_lock, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

BASE = "/enterprises/acme-inc/"


def post_while(user: User, path: str, data: dict[str, str], change: Callable[[], object]) -> Any:
    """The response to a POST that waits for the enterprise until `change` is committed."""
    client, answers = signed_in(user), []

    def post() -> None:
        answers.append(client.post(path, data))
        connection.close()

    thread = threading.Thread(target=post)
    with transaction.atomic():
        Enterprise.objects.select_for_update().get(slug="acme-inc")
        thread.start()
        wait_until(someone_waits_for_a_lock)
        change()
    thread.join()
    return answers[0]


def end_access(user: User, how: str) -> None:
    membership, now = Membership.objects.get(user=user), timezone.now()
    if how == "demoted":
        memberships.change_role(membership, Role.MEMBER, COMMAND_LINE, now)
    elif how == "removed":
        memberships.remove_member(membership, COMMAND_LINE, now)
    elif how == "deactivated":
        memberships.deactivate_user(user, COMMAND_LINE, now)
    elif how == "demoted by SQL":
        Membership.objects.filter(user=user).update(role=Role.MEMBER)
    else:
        user.delete()


@pytest.fixture
def second_it_admin(ada: User, ben: User) -> User:
    Membership.objects.filter(user=ben).update(role=Role.IT_ADMIN)
    return ben


@pytest.mark.parametrize("how", ["demoted", "removed", "deactivated", "demoted by SQL", "deleted"])
def test_launch_that_waited_while_the_person_lost_access_mints_no_link(
    workos_api: responses.RequestsMock, second_it_admin: User, how: str
) -> None:
    mint = workos_api.post(f"{API}/portal/generate_link", status=201, json={"link": "https://x.example"})

    response = post_while(second_it_admin, f"{BASE}portal/sso/", {}, lambda: end_access(second_it_admin, how))

    assert response.status_code in (403, 404)
    assert mint.call_count == 0
    assert not PortalSession.objects.exists()


@pytest.mark.parametrize("how", ["demoted", "removed", "deactivated"])
@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("members/invite/", {"email": "eve@evil.example", "role": "member"}),
        ("members/{ada}/role/", {"role": "member"}),
        ("members/{ada}/remove/", {}),
        ("setup-links/", {"email": "eve@evil.example", "intents": "sso"}),
    ],
)
def test_action_that_waited_while_the_person_lost_access_is_refused(
    workos_api: responses.RequestsMock,
    ada: User,
    second_it_admin: User,
    path: str,
    data: dict[str, str],
    how: str,
) -> None:
    membership = Membership.objects.get(user=ada)
    path = BASE + path.format(ada=membership.pk)

    response = post_while(second_it_admin, path, data, lambda: end_access(second_it_admin, how))

    assert response.status_code in (403, 404)
    assert not Invitation.objects.exists()
    assert not SetupLink.objects.exists()
    membership.refresh_from_db()
    assert membership.role == Role.IT_ADMIN


def test_final_revocation_counts_from_the_first_and_not_from_the_request(
    second_it_admin: User, workos_api: responses.RequestsMock
) -> None:
    """The demotion waited for a lock for a minute; its request was a minute before its commit."""
    revoke = workos_api.post(f"{API}/portal/revoke_link", status=204)
    requested_at = timezone.now() - timedelta(minutes=1)
    membership = Membership.objects.get(user=second_it_admin)
    memberships.change_role(membership, Role.MEMBER, COMMAND_LINE, requested_at)

    run_due_tasks(now=timezone.now())
    assert revoke.call_count == 1

    final = Task.objects.get(kind=REVOKE_PORTAL_LINKS)
    assert final.due_at > timezone.now() + timedelta(seconds=8)
    assert run_due_tasks(now=timezone.now() + timedelta(minutes=1)) == {"completed": 1}
    assert revoke.call_count == 2


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/enterprises/acme-inc/portal/sso/", {}),
        ("/enterprises/acme-inc/setup-links/", {"email": "x@y.example", "intents": "sso"}),
        ("/enterprises/acme-inc/members/invite/", {"email": "x@y.example", "role": "member"}),
        ("/enterprises/acme-inc/members/{ben}/remove/", {}),
        ("/staff/enterprises/acme-inc/settings/", {"name": "Renamed", "domains": "", "intents": "sso"}),
        ("/staff/enterprises/acme-inc/deprovision/", {"typed": "acme-inc"}),
    ],
)
def test_request_that_waits_too_long_for_a_lock_is_answered_in_words(
    monkeypatch: pytest.MonkeyPatch, ada: User, ben: User, path: str, data: dict[str, str]
) -> None:
    monkeypatch.setattr(locks, "LOCK_TIMEOUT_MS", 300)
    User.objects.filter(pk=ada.pk).update(is_staff=True, is_superuser=True)
    client, answers = signed_in(ada), []
    path = path.format(ben=Membership.objects.get(user=ben).pk)

    def post() -> None:
        answers.append(client.post(path, data))
        connection.close()

    thread = threading.Thread(target=post)
    with transaction.atomic():
        Enterprise.objects.select_for_update().get(slug="acme-inc")
        thread.start()
        thread.join(timeout=30)
    thread.join()

    (response,) = answers
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "Nothing changed. Go back and try again." in response.text
    assert Membership.objects.count() == 2
    assert not Invitation.objects.exists()
    assert not SetupLink.objects.exists()
