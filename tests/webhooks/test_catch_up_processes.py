"""Catch-up in processes and threads: two at once, killed, interrupted, following, and many organizations."""

import json
import signal
import threading
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import responses
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.actor import COMMAND_LINE
from enterprises import provisioning
from enterprises.models import Enterprise
from sandbox.client import Sandbox
from tests.conftest import ACME_ORGANIZATION, BIRCH_ORGANIZATION
from tests.processes import Manage, wait_until, wait_until_database_is_idle
from tests.webhooks.events_api import EventsAPI
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


def test_interrupted_catch_up_keeps_what_it_read_and_is_continued(
    expected_ids: list[str], manage: Manage, workos_sandbox: Sandbox
) -> None:
    process = manage("catch_up")
    wait_until(lambda: WebhookEvent.objects.count() >= 200)

    process.send_signal(signal.SIGINT)

    output = process.communicate(timeout=30)[0]
    assert process.returncode == 1
    assert "Stopped. What was read is kept" in output
    assert "Traceback" not in output
    wait_until_database_is_idle()
    kept = WebhookEvent.objects.count()
    assert kept < len(expected_ids)
    assert recorded_ids() == sorted(expected_ids[:kept])
    assert EventCursor.objects.get(organization_id__gt="").after == expected_ids[kept - 1]
    workos_sandbox.clear_faults()
    assert catch_up()["recorded"] == len(expected_ids) - kept
    assert recorded_ids() == sorted(expected_ids)


def test_follow_reads_what_happens_later_until_it_is_interrupted(
    manage: Manage, workos_sandbox: Sandbox
) -> None:
    enterprise = provisioning.enroll(name="Acme Inc.", domains=[])
    provisioning.provision(enterprise, COMMAND_LINE)
    enterprise.refresh_from_db()
    process = manage("catch_up", "--follow", "--interval", "0.05", "--json")
    organization_id = str(enterprise.organization_id)
    # It has read to the end once.
    wait_until(
        lambda: EventCursor.objects.filter(
            organization_id=organization_id, caught_up_at__isnull=False
        ).exists()
    )

    for _ in range(2):
        before = WebhookEvent.objects.count()
        workos_sandbox.activate_directory(organization_id)
        wait_until(lambda: WebhookEvent.objects.count() > before)  # noqa: B023 - called at once

    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=30)[0]
    assert process.returncode == 0, output
    # A line for each run that read something new.
    recorded = [json.loads(line)["recorded"] for line in output.splitlines() if line.startswith("{")]
    # It may have been interrupted after a commit and before its line.
    assert WebhookEvent.objects.count() - sum(recorded) in (0, 1)


@pytest.fixture
def several_threads(settings: Any) -> None:
    settings.CATCH_UP_THREADS = 3


class CountedAPI(EventsAPI):
    """Lets the organizations' first requests meet, and counts the requests at once of each."""

    def __init__(self, api: responses.RequestsMock, *, meeting: int) -> None:
        super().__init__(api)
        self._meeting = threading.Barrier(meeting)
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}
        self.met: set[str] = set()
        self.most_at_once = 0

    def _answer(self, request: Any) -> tuple[int, dict[str, str], str]:
        organization_id = request.params.get("organization_id", "")
        with self._lock:
            self._running[organization_id] = self._running.get(organization_id, 0) + 1
            self.most_at_once = max(self.most_at_once, self._running[organization_id])
            is_first = organization_id not in self.met
            self.met.add(organization_id)
        if organization_id and is_first:
            # Fails when the others are not read at the same time.
            self._meeting.wait(timeout=15)
        answer = super()._answer(request)
        with self._lock:
            self._running[organization_id] -= 1
        return answer


@pytest.mark.usefixtures("several_threads")
def test_organizations_are_read_at_once_and_each_in_order(
    workos_api: responses.RequestsMock, acme: Enterprise, birch: Enterprise
) -> None:
    api = CountedAPI(workos_api, meeting=2)
    api.page_size = 2
    now = timezone.now()
    for number in range(7):
        for organization_id in (ACME_ORGANIZATION, BIRCH_ORGANIZATION):
            api.add(
                "connection.activated",
                at=now - timedelta(minutes=50 - number),
                id=f"conn_{organization_id}_{number}",
                organization_id=organization_id,
            )

    report = catch_up()

    assert (report["complete"], report["recorded"]) == (True, 14)
    assert api.met == {"", ACME_ORGANIZATION, BIRCH_ORGANIZATION}
    assert api.most_at_once == 1
    for organization_id in (ACME_ORGANIZATION, BIRCH_ORGANIZATION):
        rows = WebhookEvent.objects.filter(payload__data__organization_id=organization_id).order_by("id")
        ids = list(rows.values_list("event_id", flat=True))
        assert ids == sorted(ids)
        assert EventCursor.objects.get(organization_id=organization_id).after == ids[-1]


@pytest.mark.usefixtures("several_threads")
def test_failing_organization_stops_no_other_thread(
    workos_api: responses.RequestsMock, acme: Enterprise, birch: Enterprise
) -> None:
    class Refusing(CountedAPI):
        def _answer(self, request: Any) -> tuple[int, dict[str, str], str]:
            answer = super()._answer(request)
            if request.params.get("organization_id") == ACME_ORGANIZATION:
                return 500, {}, "{}"
            return answer

    api = Refusing(workos_api, meeting=2)
    api.add(
        "connection.activated", at=timezone.now() - timedelta(hours=1), organization_id=BIRCH_ORGANIZATION
    )

    with pytest.raises(CommandError):
        catch_up()

    assert WebhookEvent.objects.count() == 1
    assert "WorkOS has a problem" in EventCursor.objects.get(organization_id=ACME_ORGANIZATION).error
    assert EventCursor.objects.get(organization_id=BIRCH_ORGANIZATION).error == ""
