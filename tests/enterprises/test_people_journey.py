"""The life of a directory, from the identity provider to the page: the sandbox sends, a worker applies."""

import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from audit.actor import COMMAND_LINE
from enterprises import provisioning
from enterprises.models import Enterprise, Membership
from enterprises.reconcile import reconcile_enterprise
from hostapp.models import User
from mirror.people_models import DirectoryGroup, DirectoryUser
from sandbox.client import Sandbox
from tests.conftest import signed_in
from webhooks.inbox import apply_waiting

# The server of the tests answers in a thread, which must see what is committed.
pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = "/enterprises/acme-inc/directory/"


@pytest.fixture
def enterprise(workos_sandbox: Sandbox, live_server: Any, settings: Any) -> Enterprise:
    """Acme, with an organization in a sandbox that sends its events to this application."""
    secret = settings.WORKOS_WEBHOOK_SECRETS[0]
    workos_sandbox.set_webhook(f"{live_server.url}/webhooks/workos/", secret)
    enterprise = provisioning.enroll(name="Acme Inc.", domains=[])
    provisioning.provision(enterprise, COMMAND_LINE)
    enterprise.refresh_from_db()
    return enterprise


@pytest.fixture
def client(enterprise: Enterprise) -> Client:
    user = User.objects.create_user("ada@acme.example", "correct horse battery", name="Ada Adeyemi")
    Membership.objects.create(user=user, enterprise=enterprise, role=Membership.Role.IT_ADMIN)
    return signed_in(user)


def apply_all(sandbox: Sandbox) -> None:
    """Wait for the deliveries, and apply what arrived."""
    sandbox.settle()
    while apply_waiting(now=timezone.now()):
        pass


def person_path(user_id: str) -> str:
    return f"{PEOPLE}people/{DirectoryUser.objects.get(user_id=user_id).pk}/"


def group_path(name: str) -> str:
    return f"{PEOPLE}groups/{DirectoryGroup.objects.get(name=name).pk}/"


def read_state(client: Client, user_id: str) -> tuple[str, list[str]]:
    """What the person's page shows: the state and the groups."""
    page = client.get(person_path(user_id)).text
    state = re.search(r'class="state \w+">([^<]+)<', page)
    assert state
    return state[1], re.findall(r'directory/groups/\d+/">([^<]+)<', page)


def list_people(client: Client, path: str) -> set[str]:
    """The ids of the people in a list."""
    numbers = set(re.findall(r"directory/people/(\d+)/", client.get(path).text))
    return set(DirectoryUser.objects.filter(pk__in=numbers).values_list("user_id", flat=True))


def test_first_sync_arrives_and_its_progress_ends(
    workos_sandbox: Sandbox, enterprise: Enterprise, client: Client
) -> None:
    directory = workos_sandbox.activate_directory(str(enterprise.organization_id))["id"]
    workos_sandbox.fill_directory(directory, 6, groups=2, groups_per_person=1, announced=True)
    workos_sandbox.settle()
    reconcile_enterprise(enterprise, now=timezone.now())

    progress = []
    while apply_waiting(now=timezone.now(), size=2):
        page = client.get(PEOPLE).text
        if shown := re.search(r"The first sync is arriving: (\d+) of (\d+) people so far", page):
            progress.append((int(shown[1]), int(shown[2])))

    assert progress
    assert progress == sorted(progress)
    assert {expected for _, expected in progress} == {6}
    assert max(arrived for arrived, _ in progress) < 6
    page = client.get(PEOPLE).text
    assert "first sync" not in page
    assert "<strong>6</strong> people" in page
    assert "<strong>2</strong> groups" in page
    everybody = set(DirectoryUser.objects.values_list("user_id", flat=True))
    assert list_people(client, PEOPLE) == everybody
    in_groups = [list_people(client, group_path(group.name)) for group in DirectoryGroup.objects.all()]
    assert set.union(*in_groups) == everybody


@pytest.mark.parametrize("soft_delete", [True, False])
def test_person_leaves_and_returns_with_the_same_id_and_with_a_new_one(
    workos_sandbox: Sandbox, enterprise: Enterprise, client: Client, soft_delete: bool
) -> None:
    workos_sandbox.switch(soft_delete=soft_delete)
    directory = workos_sandbox.activate_directory(str(enterprise.organization_id))["id"]
    group = workos_sandbox.add_group(directory, "Engineers")
    other = workos_sandbox.add_person(directory, group_id=group["id"], first_name="Bob")["id"]
    zoe = workos_sandbox.add_person(directory, group_id=group["id"], first_name="Zoe", last_name="Lind")["id"]
    apply_all(workos_sandbox)
    assert read_state(client, zoe) == ("Active", ["Engineers"])
    assert list_people(client, group_path("Engineers")) == {other, zoe}

    workos_sandbox.change_person(directory, zoe, "deactivate")
    apply_all(workos_sandbox)
    assert read_state(client, zoe) == ("Deactivated", ["Engineers"])
    assert "These count again when the person returns." in client.get(person_path(zoe)).text
    assert list_people(client, group_path("Engineers")) == {other}
    assert list_people(client, PEOPLE) == {other}
    assert list_people(client, f"{PEOPLE}?state=inactive") == {zoe}

    workos_sandbox.change_person(directory, zoe, "return")
    apply_all(workos_sandbox)
    if not soft_delete:
        # No event announces it.
        assert read_state(client, zoe) == ("Deactivated", ["Engineers"])
        call_command("reconcile", "--apply", "--json")
    assert read_state(client, zoe) == ("Active", ["Engineers"])
    assert list_people(client, group_path("Engineers")) == {other, zoe}

    workos_sandbox.change_person(directory, zoe, "deactivate")
    new = workos_sandbox.change_person(directory, zoe, "return", new_id=True)["id"]
    apply_all(workos_sandbox)
    assert new != zoe
    assert read_state(client, zoe) == ("Deactivated", ["Engineers"])
    assert read_state(client, new) == ("Active", [])
    for one, entry in ((zoe, new), (new, zoe)):
        page = client.get(person_path(one)).text
        assert "Other entries of this person" in page
        assert person_path(entry) in page
    assert list_people(client, PEOPLE) == {other, new}
    assert list_people(client, group_path("Engineers")) == {other}

    workos_sandbox.change_group(directory, group["id"], "add_member", user_id=new)
    apply_all(workos_sandbox)
    assert read_state(client, new) == ("Active", ["Engineers"])
    assert list_people(client, group_path("Engineers")) == {other, new}
