"""Catch-up reads the Events API, records what no webhook delivered, and shows that nothing is missing."""

import json
import threading
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import responses
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone

from enterprises.models import Enterprise
from hostapp.models import User
from mirror.models import Connection
from outbox.models import Task
from outbox.runner import run_due_tasks
from tests.conftest import ACME_ORGANIZATION
from tests.deliveries import deliver, payload
from tests.factories import create_enterprise
from tests.webhooks.events_api import EventsAPI, iso
from tests.webhooks.receive.senders import events_refused
from webhooks import catch_up as catch_up_module
from webhooks.inbox import apply_waiting
from webhooks.listed_events import parse_items, record_listed
from webhooks.models import EventCursor, LateDelivery, UnreadableDelivery, WebhookEvent
from webhooks.pruning import prune_events

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.fixture
def api(workos_api: responses.RequestsMock, acme: Enterprise) -> EventsAPI:
    return EventsAPI(workos_api)


def catch_up(*arguments: str) -> str:
    out = StringIO()
    call_command("catch_up", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def catch_up_json(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(catch_up(*arguments, "--json"))
    return found


def hours_ago(hours: float) -> Any:
    return NOW - timedelta(hours=hours)


def days_ago(days: float) -> Any:
    return NOW - timedelta(days=days)


def cursor() -> EventCursor:
    return EventCursor.objects.get(organization_id=ACME_ORGANIZATION)


def test_listed_event_is_recorded_like_a_delivery_and_applied(api: EventsAPI) -> None:
    api.add("connection.activated", at=hours_ago(2), event_id="event_1")

    catch_up()
    apply_waiting(now=timezone.now())

    row = WebhookEvent.objects.get()
    assert (row.event_id, row.status, row.secret_name, row.source) == (
        "event_1",
        "applied",
        "",
        "events_api",
    )
    assert iso(row.issued_at) == iso(hours_ago(2))
    assert row.created_at == row.issued_at
    assert row.received_at >= NOW
    assert Connection.objects.get().state == "active"


def test_event_that_a_webhook_delivered_is_not_recorded_again(api: EventsAPI) -> None:
    item = api.add("connection.activated", at=hours_ago(2))
    deliver(item)

    report = catch_up_json()

    assert WebhookEvent.objects.get().source == "webhook"
    assert (report["listed"], report["here"], report["recorded"]) == (1, 1, 0)


def test_second_run_reads_only_what_is_new(api: EventsAPI) -> None:
    api.add("connection.activated", at=hours_ago(2), event_id="event_1")
    catch_up()
    api.requests.clear()
    api.add("connection.deactivated", at=hours_ago(1), event_id="event_2")

    report = catch_up_json()

    assert (report["listed"], report["recorded"]) == (1, 1)
    assert [one["after"] for one in api.requests if "organization_id" in one] == ["event_1"]
    assert cursor().after == "event_2"


def test_run_that_is_stopped_is_continued_with_the_organizations_that_it_did_not_reach(
    api: EventsAPI, settings: Any
) -> None:
    """With thousands of organizations, the worker's time is over before all of them are read."""
    settings.CATCH_UP_THREADS = 1
    for number in range(3):
        create_enterprise(f"Customer {number}", f"customer-{number}", f"org_{number}")

    for _ in range(5):
        stop = threading.Event()

        def stop_now(_: object, stop: threading.Event = stop) -> None:
            stop.set()

        catch_up_module.catch_up(since=None, now=timezone.now(), stop=stop, report_progress=stop_now)

    read = [one.get("organization_id", "") for one in api.requests]
    assert sorted(read) == sorted(["", ACME_ORGANIZATION, "org_0", "org_1", "org_2"])


def test_every_page_is_read_with_order_and_limit(api: EventsAPI) -> None:
    api.page_size = 2
    for number in range(5):
        api.add("connection.activated", at=hours_ago(9 - number), id=f"conn_{number}")

    assert catch_up_json()["recorded"] == 5
    assert {(one["order"], one["limit"]) for one in api.requests} == {("asc", "100")}


def test_nothing_missing_is_said_in_a_sentence(api: EventsAPI) -> None:
    for number in range(3):
        deliver(api.add("connection.activated", at=hours_ago(50 - number)))
    api.add("connection.activated", at=days_ago(5))

    assert catch_up("--since", "30d").splitlines()[0] == (
        "WorkOS lists 4 events of the kinds we handle for the last 30 days; all are here; "
        "1 arrived only by catch-up."
    )


def test_event_counts_as_missed_only_after_three_days(api: EventsAPI) -> None:
    api.add("connection.activated", at=days_ago(2.9), event_id="event_young")
    api.add("connection.activated", at=days_ago(3.1), event_id="event_old")

    report = catch_up_json("--since", "30d")

    assert (report["missed"], report["undelivered"]) == (1, 1)


def test_event_that_is_delivered_after_catch_up_is_not_missed(api: EventsAPI) -> None:
    item = api.add("connection.activated", at=days_ago(4))
    catch_up()
    assert catch_up_json("--since", "30d")["missed"] == 1

    deliver(item)
    deliver(item)

    report = catch_up_json("--since", "30d")
    assert (report["missed"], report["undelivered"], report["here"]) == (0, 0, 1)
    assert LateDelivery.objects.count() == 1
    assert WebhookEvent.objects.count() == 1


def test_forgotten_cursor_goes_back_to_a_range_from_where_it_was(api: EventsAPI) -> None:
    api.add("connection.activated", at=hours_ago(5), event_id="event_1")
    catch_up()
    api.add("connection.deactivated", at=hours_ago(4), event_id="event_2")
    api.forgotten.add("event_1")
    api.requests.clear()

    report = catch_up_json()

    assert report["complete"] is True
    assert WebhookEvent.objects.filter(event_id="event_2").exists()
    ((start, _end),) = api.ranges()
    assert hours_ago(5) - timedelta(seconds=2) < start < hours_ago(5)
    assert cursor().after == "event_2"


def test_malformed_event_does_not_stop_the_page_and_is_shown(api: EventsAPI) -> None:
    api.add("connection.activated", at=hours_ago(3), event_id="event_1", id="conn_1")
    api.items += [{"id": "event_odd", "event": "connection.activated", "data": []}, "no object"]
    api.add("connection.activated", at=hours_ago(2), event_id="event_2", id="conn_2")

    with pytest.raises(CommandError):
        catch_up("--json")
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("catch_up", "--since", "1d", stdout=out)

    assert set(WebhookEvent.objects.values_list("event_id", flat=True)) == {"event_1", "event_2"}
    assert "Not an event: event_odd: its “data” is not an object" in out.getvalue()
    # Once, although it was listed twice.
    assert UnreadableDelivery.objects.count() == 2


def test_event_without_a_time_is_not_taken_for_one_of_now(api: EventsAPI) -> None:
    api.add("connection.activated", at=hours_ago(1))["created_at"] = None

    with pytest.raises(CommandError):
        catch_up()

    assert not WebhookEvent.objects.exists()
    assert UnreadableDelivery.objects.get().detail == "its “created_at” is not a time"


def test_since_reads_windows_of_at_most_30_days_that_leave_no_gap(api: EventsAPI) -> None:
    edge = timezone.now() - timedelta(days=50)
    # The first range ends exactly here, and WorkOS's ranges exclude their ends.
    api.add("connection.activated", at=edge, event_id="event_at_the_edge")

    with_clock = StringIO()
    import time_machine

    with time_machine.travel(edge + timedelta(days=50), tick=False):
        call_command("catch_up", "--since", "80d", stdout=with_clock)

    assert WebhookEvent.objects.get().event_id == "event_at_the_edge"
    assert all(end is None or end - start <= timedelta(days=30) for start, end in api.ranges())
    assert api.ranges()[0][1] == api.ranges()[1][0] + timedelta(seconds=1)


def test_pruned_event_is_never_taken_for_a_new_one(api: EventsAPI, settings: Any) -> None:
    settings.WEBHOOK_EVENTS_KEPT_DAYS = 0
    WebhookEvent.objects.all().delete()
    api.add("connection.activated", at=days_ago(60), event_id="event_pruned")
    api.add("connection.activated", at=days_ago(20), event_id="event_1")
    prune_events(days=31, now=timezone.now())

    report = catch_up("--since", "90d")

    assert set(WebhookEvent.objects.values_list("event_id", flat=True)) == {"event_1"}
    assert "WorkOS lists 1 event of the kinds we handle for the last 90 days; all are here" in report
    assert "so they are not compared" in report


def test_cursor_that_is_older_than_what_we_keep_does_not_bring_pruned_events_back(
    api: EventsAPI, settings: Any
) -> None:
    settings.WEBHOOK_EVENTS_KEPT_DAYS = 31
    for days in (70, 50, 10):
        api.add("connection.activated", at=days_ago(days), event_id=f"event_{days}")
    EventCursor.objects.create(
        organization_id=ACME_ORGANIZATION,
        after="event_70",
        read_until=days_ago(70),
        names=list(catch_up_module.find_streams(NOW)[1].names),
    )

    catch_up()

    assert set(WebhookEvent.objects.values_list("event_id", flat=True)) == {"event_10"}


def test_new_kind_of_event_is_read_from_the_past(api: EventsAPI) -> None:
    api.add("connection.activated", at=days_ago(3), event_id="event_1")
    api.add("dsync.activated", at=days_ago(2), event_id="event_2")
    api.add("connection.deactivated", at=days_ago(1), event_id="event_3")
    EventCursor.objects.create(
        organization_id=ACME_ORGANIZATION,
        after="event_3",
        read_until=days_ago(1),
        names=["connection.activated", "connection.deactivated"],
    )

    assert catch_up_json()["recorded"] == 3
    assert cursor().after == "event_3"
    assert catch_up_json()["listed"] == 0


def test_change_learned_more_than_a_day_late_sends_no_mail(api: EventsAPI, ada: User) -> None:
    api.add("connection.activated", at=hours_ago(25), id="conn_1", updated_at=iso(hours_ago(25)))
    api.add("connection.deactivated", at=hours_ago(23), id="conn_2", updated_at=iso(hours_ago(23)))

    catch_up()
    apply_waiting(now=timezone.now())
    for _ in range(3):
        run_due_tasks(now=timezone.now())

    assert {row.connection_id: row.state for row in Connection.objects.all()} == {
        "conn_1": "active",
        "conn_2": "inactive",
    }
    assert [one.subject for one in mail.outbox] == ["Single sign-on was turned off · Acme Inc."]


def test_organization_deleted_long_ago_sends_no_mail(api: EventsAPI, ada: User) -> None:
    deliver("connection.activated", updated_at=iso(hours_ago(90)))
    apply_waiting(now=timezone.now())
    Task.objects.all().delete()
    api.add("organization.deleted", at=hours_ago(30), id=ACME_ORGANIZATION)

    catch_up()
    apply_waiting(now=timezone.now())
    run_due_tasks(now=timezone.now())

    assert Connection.objects.get().state == "deleted"
    assert mail.outbox == []


def test_other_organizations_are_adopted_and_each_event_is_counted_once(
    api: EventsAPI, acme: Enterprise
) -> None:
    cedar = Enterprise.objects.create(name="Cedar", slug="cedar")
    api.add(
        "organization.created",
        at=hours_ago(4),
        id="org_cedar",
        external_id=str(cedar.external_id),
        domains=[],
    )
    api.add("organization.updated", at=hours_ago(3), id=ACME_ORGANIZATION, domains=[])

    report = catch_up_json()
    apply_waiting(now=timezone.now())

    cedar.refresh_from_db()
    assert cedar.organization_id == "org_cedar"
    assert report["listed"] == 2


def test_name_that_workos_does_not_know_is_not_asked_for(api: EventsAPI) -> None:
    api.unknown_names = {"dsync.deactivated"}
    api.add("connection.activated", at=hours_ago(1))

    assert catch_up_json()["recorded"] == 1
    assert not any("dsync.deactivated" in one["events"] for one in api.requests)


def test_listed_event_without_a_handler_is_ignored_at_once() -> None:
    listed = parse_items([payload("dsync.token.created")], now=NOW)

    tally = record_listed(listed, pruned_before=None, now=NOW)

    row = WebhookEvent.objects.get()
    assert (row.status, row.due_at, tally.recorded, tally.here) == ("ignored", None, 1, 1)


def test_event_that_cannot_be_stored_stops_no_other(api: EventsAPI, caplog: Any) -> None:
    for number in range(3):
        api.add("connection.activated", at=hours_ago(3 - number), event_id=f"event_{number}")

    with events_refused("event_1"), pytest.raises(CommandError):
        catch_up()

    assert set(WebhookEvent.objects.values_list("event_id", flat=True)) == {"event_0", "event_2"}
    assert "Event event_1 not recorded" in caplog.text


def test_refused_organization_does_not_stop_the_others(
    workos_api: responses.RequestsMock, acme: Enterprise, birch: Enterprise
) -> None:
    api = EventsAPI(workos_api)
    api.add("connection.activated", at=hours_ago(1), organization_id=birch.organization_id)

    def refuse(request: Any) -> tuple[int, dict[str, str], str]:
        if ACME_ORGANIZATION in request.url:
            return 400, {}, json.dumps({"message": "Organization not found"})
        return api._answer(request)

    workos_api.reset()
    workos_api.add_callback("GET", "https://api.workos.com/events", refuse)
    with pytest.raises(CommandError):
        catch_up()

    assert WebhookEvent.objects.count() == 1
    assert "did not accept" in cursor().error


def test_429_is_waited_for(
    workos_api: responses.RequestsMock, acme: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    Enterprise.objects.update(organization=None)
    slept: list[float] = []
    from gateway import pacing

    limit = pacing.RateLimit(1000, clock=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr(pacing, "get_key_limit", lambda: limit)
    workos_api.get(
        "https://api.workos.com/events", status=429, headers={"Retry-After": "7"}, body="Ratelimited"
    )
    workos_api.get("https://api.workos.com/events", status=429, body="Ratelimited")
    workos_api.get("https://api.workos.com/events", json={"data": [], "list_metadata": {"after": None}})

    catch_up()

    assert len(workos_api.calls) == 3
    assert round(sum(slept)) == 8


def test_worker_task_fails_with_the_reason_and_is_repeated(
    workos_api: responses.RequestsMock, acme: Enterprise
) -> None:
    workos_api.get("https://api.workos.com/events", status=500)
    catch_up_module.enqueue_catch_up(timezone.now())
    catch_up_module.enqueue_catch_up(timezone.now())

    assert run_due_tasks(now=timezone.now())["retried later"] == 1

    task = Task.objects.get()
    assert task.kind == "catch_up"
    assert "WorkOS has a problem of its own" in task.error


@pytest.mark.parametrize("arguments", [["--since", "30"], ["--since", "0d"], ["--interval", "-1"]])
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("catch_up", *arguments)
