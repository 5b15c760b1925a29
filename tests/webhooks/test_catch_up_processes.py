"""Catch-up in several processes, against the sandbox over loopback: two at once, and one that is killed."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from audit.actor import COMMAND_LINE
from enterprises import provisioning
from sandbox.client import Sandbox
from tests.processes import Manage, wait_until, wait_until_database_is_idle
from webhooks.event_names import SUBSCRIBED_EVENTS
from webhooks.models import EventCursor, WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = 450


@pytest.fixture
def expected_ids(workos_sandbox: Sandbox) -> list[str]:
    """The ids of more events than fit on four pages, oldest first. WorkOS takes a while for each page."""
    enterprise = provisioning.enroll(name="Acme Inc.", domains=[])
    provisioning.provision(enterprise, COMMAND_LINE)
    enterprise.refresh_from_db()
    directory = workos_sandbox.activate_directory(str(enterprise.organization_id))
    workos_sandbox.fill_directory(directory["id"], PEOPLE, announced=True)
    workos_sandbox.fault("hang", seconds=0.2, path="/events", times=None)
    return [str(one["id"]) for one in workos_sandbox.events() if one["event"] in SUBSCRIBED_EVENTS]


def catch_up() -> dict[str, Any]:
    out = StringIO()
    call_command("catch_up", "--json", stdout=out, stderr=StringIO())
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


def recorded_ids() -> list[str]:
    return sorted(WebhookEvent.objects.values_list("event_id", flat=True))


def test_two_catch_ups_at_once_record_each_event_once(expected_ids: list[str], manage: Manage) -> None:
    process = manage("catch_up", "--json")
    wait_until(lambda: WebhookEvent.objects.count() >= 100)

    ours = catch_up()

    # The last line: progress goes before it.
    theirs = json.loads(process.communicate(timeout=60)[0].splitlines()[-1])
    assert process.returncode == 0
    assert (ours["complete"], theirs["complete"]) == (True, True)
    assert ours["recorded"] + theirs["recorded"] == len(expected_ids) > PEOPLE
    assert recorded_ids() == sorted(expected_ids)
    assert EventCursor.objects.get(organization_id__gt="").after == expected_ids[-1]


def test_killed_catch_up_is_continued_by_the_next_one(
    expected_ids: list[str], manage: Manage, workos_sandbox: Sandbox
) -> None:
    process = manage("catch_up")
    wait_until(lambda: WebhookEvent.objects.count() >= 200)
    process.kill()
    process.communicate()
    wait_until_database_is_idle()
    workos_sandbox.clear_faults()
    before = WebhookEvent.objects.count()
    assert before < len(expected_ids)

    report = catch_up()

    # Nothing that was recorded is read again.
    assert report["listed"] == report["recorded"] == len(expected_ids) - before
    assert recorded_ids() == sorted(expected_ids)
