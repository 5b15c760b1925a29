"""The staff's pages of webhooks: health, events, replay and retry, and who may do what."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import AuditEntry
from enterprises.models import Enterprise
from hostapp.models import User
from mirror.models import Connection
from outbox.models import WorkerHeartbeat
from tests.conftest import ACME_ORGANIZATION, signed_in
from tests.deliveries import deliver, payload, post, signed
from webhooks.health import read_health
from webhooks.inbox import apply_waiting
from webhooks.models import RefusalCount, WebhookEvent

pytestmark = pytest.mark.django_db

LIST = "/staff/webhooks/"
QUARANTINED = "Quarantined: 3 workers died while they applied it."


@pytest.fixture
def viewer(sam: User) -> Client:
    """Staff without the right to change events."""
    return signed_in(sam)


@pytest.fixture
def editor(db: None) -> Client:
    user = User.objects.create_user(
        "vic@saas.example", "correct horse battery", name="Vic Voss", is_staff=True
    )
    user.user_permissions.set(Permission.objects.filter(codename__endswith="_webhookevent"))
    return signed_in(user)


def create_event(event_id: str = "event_1", **fields: Any) -> WebhookEvent:
    now = timezone.now()
    defaults = {
        "event": "connection.activated", "issued_at": now, "received_at": now, "status": "applied",
        "payload": payload("connection.activated"),
    }  # fmt: skip
    event: WebhookEvent = WebhookEvent.objects.create(event_id=event_id, **{**defaults, **fields})
    return event


def shown_ids(page: Any) -> list[str]:
    return [row.event.event_id for row in page.context["page"].rows]


def test_list_names_event_customer_state_and_reason(acme: Enterprise, viewer: Client) -> None:
    create_event(status="failed", reason="KeyError: 'state'")

    page = viewer.get(LIST)

    for text in ("connection.activated", "event_1", "Acme Inc.", "Failed", "KeyError: &#x27;state&#x27;"):
        assert text in page.text
    assert "/staff/webhooks/events/event_1/" in page.text


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"organization_id": ACME_ORGANIZATION}, True),
        ({"connection": {"organization_id": ACME_ORGANIZATION}}, True),
        ({"group": {"organization_id": ACME_ORGANIZATION}, "user": {}}, True),
        ({"organization_domain": {"organization_id": ACME_ORGANIZATION}}, True),
        ({"sso": {"organization_id": ACME_ORGANIZATION}}, True),
        ({"object": "organization", "id": ACME_ORGANIZATION}, True),
        ({"organization_id": None, "id": "conn_1"}, False),
        ({"organization_id": "org_of_nobody"}, False),
        ({"organization_id": {"a": 1}}, False),
        ({}, False),
    ],
)
def test_customer_of_an_event_is_found_whatever_its_kind(
    acme: Enterprise, viewer: Client, data: dict[str, Any], found: bool
) -> None:
    create_event(payload={"data": data})

    assert ("Acme Inc." in viewer.get(LIST).text) is found
    assert shown_ids(viewer.get(f"{LIST}?customer=acme-inc")) == (["event_1"] if found else [])


def test_event_with_a_very_long_id_of_its_object_is_recorded(acme: Enterprise, viewer: Client) -> None:
    body = json.dumps(
        payload("connection.activated", event_id="event_1", id=uuid.uuid4().hex * 9999)
    ).encode()

    assert post(body, signed(body)).status_code == 200
    assert shown_ids(viewer.get(LIST)) == ["event_1"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["event_4", "event_3", "event_2", "event_1"]),
        ("state=failed", ["event_2"]),
        ("state=quarantined", ["event_3"]),
        ("state=waiting", ["event_4"]),
        ("kind=dsync.activated", ["event_4"]),
        ("kind=user.created", []),
        ("customer=acme-inc", ["event_4", "event_2", "event_1"]),
        ("customer=acme+INC.", ["event_4", "event_2", "event_1"]),
        (f"customer={ACME_ORGANIZATION}&state=failed", ["event_2"]),
        ("state=nonsense", None),
        ("customer=nobody", None),
    ],
)
def test_filters_select_events(acme: Enterprise, viewer: Client, query: str, ids: list[str] | None) -> None:
    create_event("event_1")
    create_event("event_2", status="failed", reason="KeyError")
    create_event("event_3", status="failed", reason=QUARANTINED, payload={"data": {}})
    create_event("event_4", status="waiting", event="dsync.activated")

    page = viewer.get(f"{LIST}?{query}")

    if ids is None:
        assert page.context["page"] is None
        assert "Correct the filter to see events." in page.text
    else:
        assert shown_ids(page) == ids
        assert ("No event matches this filter." in page.text) is (ids == [])


def test_search_by_id_opens_the_event_and_explains_an_unknown_one(viewer: Client) -> None:
    create_event("event_1")

    assert viewer.get(f"{LIST}?event_id=+event_1+")["Location"] == "/staff/webhooks/events/event_1/"
    assert "There is no event with this ID." in viewer.get(f"{LIST}?event_id=event_").text


def test_list_without_events_says_what_to_do(viewer: Client) -> None:
    assert "Add this app’s endpoint" in viewer.get(LIST).text


def test_pages_continue_from_a_key_in_both_directions(viewer: Client) -> None:
    for number in range(120):
        create_event(f"event_{number:03}")
    ids = [f"event_{number:03}" for number in range(119, -1, -1)]

    first = viewer.get(LIST)
    second = viewer.get(f"{LIST}?before={first.context['page'].older}")
    third = viewer.get(f"{LIST}?before={second.context['page'].older}")
    back = viewer.get(f"{LIST}?after={third.context['page'].newer}")

    assert shown_ids(first) + shown_ids(second) + shown_ids(third) == ids
    assert shown_ids(back) == ids[50:100]
    assert (first.context["page"].newer, third.context["page"].older) == (None, None)
    # A place that no event has, or that is none: still a page.
    for query in ("before=0", "after=99999999999999999999", "before=x", "before=²"):
        assert viewer.get(f"{LIST}?{query}").status_code == 200


def test_list_counts_and_skips_no_rows_and_asks_no_more_for_more_events(
    acme: Enterprise, viewer: Client
) -> None:
    def count_queries(query: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            viewer.get(f"{LIST}?{query}")
        events = [one["sql"] for one in queries if "webhooks_webhookevent" in one["sql"]]
        assert all("LIMIT" in sql or "MIN(" in sql for sql in events), events
        assert not any("OFFSET" in sql for sql in events)
        return len(queries)

    create_event("event_x")
    few = count_queries("")
    for number in range(60):
        create_event(f"event_{number}")

    assert count_queries("") == few
    assert count_queries("before=9999999") == few


def test_health_counts_each_state_and_names_the_workers(viewer: Client) -> None:
    now = timezone.now()
    create_event("event_1", status="waiting", due_at=now - timedelta(minutes=9))
    create_event("event_2", status="failed", reason="KeyError", due_at=now + timedelta(hours=1))
    create_event("event_3", status="failed", reason="KeyError")
    create_event("event_4", status="failed", reason=QUARANTINED)
    create_event("event_5", status="waiting", awaited_organization_id="org_1")
    create_event("event_6", received_at=now - timedelta(hours=2))
    WorkerHeartbeat.objects.create(host="web-1", pid=7, started_at=now, last_seen_at=now)
    WorkerHeartbeat.objects.create(
        host="web-2", pid=8, started_at=now, last_seen_at=now - timedelta(minutes=5)
    )

    health = read_health(timezone.now())
    page = viewer.get(LIST)

    assert [
        count.number
        for count in (
            health.accepted,
            health.due,
            health.retried,
            health.failed,
            health.quarantined,
            health.held,
        )
    ] == [5, 1, 1, 1, 1, 1]
    assert health.is_late
    assert [str(worker) for worker in health.workers] == ["web-1:7"]
    assert "Events have been waiting for more than five minutes." in page.text
    assert "web-1:7" in page.text


def test_page_says_that_no_worker_is_running(viewer: Client) -> None:
    assert "No worker is running" in viewer.get(LIST).text


def test_refused_deliveries_are_explained_with_what_to_do(viewer: Client) -> None:
    body = json.dumps(payload("connection.activated")).encode()
    post(body, signed(body, secret="another"))
    post(body, None)
    RefusalCount.objects.filter(reason="missing_header").update(
        minute=timezone.now() - timedelta(hours=2), count=7
    )

    page = viewer.get(LIST)

    for text in (
        "No secret matches the signature",
        "Copy the endpoint&#x27;s secret from the Dashboard",
        f"body of {len(body)} bytes",
        "7 in three days",
        "8 in three days",
    ):
        assert text in page.text
    assert page.context["health"].refused_last_hour == 1


def test_event_page_shows_facts_and_indented_payload_without_markup(acme: Enterprise, viewer: Client) -> None:
    create_event(
        payload={"data": {"organization_id": ACME_ORGANIZATION, "name": "<script>alert(1)</script>"}}
    )

    page = viewer.get("/staff/webhooks/events/event_1/")

    assert "Acme Inc." in page.text
    assert "  &quot;data&quot;: {\n" in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script>alert" not in page.text
    assert "characters are shown" not in page.text


def test_large_payload_is_cut(viewer: Client) -> None:
    create_event(payload={"data": {"name": "x" * 70_000}})

    page = viewer.get("/staff/webhooks/events/event_1/")

    assert "The first 65536 characters are shown." in page.text
    assert len(page.content) < 90_000


@pytest.mark.parametrize("event_id", ["event/with?odd#characters%2F..", "événement 1"])
def test_event_with_an_odd_id_has_a_page(viewer: Client, editor: Client, event_id: str) -> None:
    create_event(event_id)

    page = viewer.get(LIST, {"event_id": event_id}, follow=True)

    assert page.status_code == 200
    assert page.context["row"].event.event_id == event_id


def test_unknown_event_is_a_404(viewer: Client) -> None:
    assert viewer.get("/staff/webhooks/events/event_2/").status_code == 404


def test_replay_shows_the_change_and_makes_it_when_it_is_confirmed(acme: Enterprise, editor: Client) -> None:
    deliver("connection.activated", event_id="event_1")
    WebhookEvent.objects.update(status="failed", reason="KeyError", due_at=None)

    preview = editor.get("/staff/webhooks/replay/event_1/")
    assert "Failed → Applied" in preview.text
    assert not Connection.objects.exists()
    assert not AuditEntry.objects.filter(action="event_replayed").exists()
    page = editor.post("/staff/webhooks/replay/event_1/", follow=True)

    assert "The event was replayed. The data has changed." in page.text
    assert Connection.objects.get().state == "active"
    entry = AuditEntry.objects.get(action="event_replayed")
    assert (entry.subject, entry.actor, entry.target, entry.outcome) == (
        acme.external_id, "Vic Voss <vic@saas.example>", "connection.activated event_1", "failed → applied",
    )  # fmt: skip


def test_replay_that_changes_nothing_says_so(acme: Enterprise, editor: Client) -> None:
    deliver("connection.activated", event_id="event_1")
    apply_waiting(now=timezone.now())

    assert "No data changes." in editor.get("/staff/webhooks/replay/event_1/").text
    assert "No data changed." in editor.post("/staff/webhooks/replay/event_1/", follow=True).text


def test_replay_that_fails_shows_the_reason(editor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    create_event(payload={"data": []})

    assert (
        "The event was replayed and failed:"
        in editor.post("/staff/webhooks/replay/event_1/", follow=True).text
    )


def test_quarantined_event_is_retried_in_a_worker_and_not_replayed_here(editor: Client) -> None:
    create_event(status="failed", reason=QUARANTINED)

    page = editor.get("/staff/webhooks/replay/event_1/", follow=True)
    assert "Retry it in a worker instead" in page.text
    assert "/staff/webhooks/replay/" not in page.text
    assert "Quarantined" in editor.post("/staff/webhooks/replay/event_1/", follow=True).text
    editor.post("/staff/webhooks/retry/event_1/")

    assert WebhookEvent.objects.get().due_at is not None


def test_retried_event_is_applied_by_the_next_worker_and_audited(acme: Enterprise, editor: Client) -> None:
    deliver("connection.activated", event_id="event_1")
    WebhookEvent.objects.update(status="failed", reason="KeyError", due_at=None, attempts=8)

    editor.post("/staff/webhooks/retry/event_1/")
    apply_waiting(now=timezone.now())

    assert WebhookEvent.objects.get().status == "applied"
    assert AuditEntry.objects.get(action="event_retried").subject == acme.external_id


def test_event_that_did_not_fail_is_not_retried(editor: Client) -> None:
    create_event()

    page = editor.post("/staff/webhooks/retry/event_1/", follow=True)

    assert "Only failed events can be retried." in page.text
    assert WebhookEvent.objects.get().due_at is None


def test_failed_events_of_a_filter_are_retried_together_and_others_are_left(
    acme: Enterprise, editor: Client
) -> None:
    create_event("event_1", status="failed", reason="KeyError")
    create_event("event_2", status="failed", reason="KeyError", payload={"data": {}})
    create_event("event_3", status="failed", reason=QUARANTINED)
    create_event("event_4", status="failed", reason="KeyError", unfinished_attempts=1)
    create_event("event_5")

    filtered = {"state": "failed", "customer": "acme-inc"}
    page = editor.post(f"{LIST}retry-failed/", filtered, follow=True)
    assert "1 event will be retried now." in page.text
    editor.post(f"{LIST}retry-failed/", {"state": "failed"})

    due = WebhookEvent.objects.filter(due_at__isnull=False).order_by("event_id")
    assert list(due.values_list("event_id", flat=True)) == ["event_1", "event_2"]
    # Also of an event without a customer.
    assert AuditEntry.objects.get(target__endswith="event_2").subject == uuid.UUID(int=0)
    assert "Only failed events" in editor.post(f"{LIST}retry-failed/", {}, follow=True).text


def test_retry_of_many_asks_first_and_says_how_many_of_which_type(acme: Enterprise, editor: Client) -> None:
    for number in range(3):
        create_event(f"event_{number}", status="failed", reason="KeyError")
    create_event("event_3", status="failed", reason="KeyError", event="dsync.user.updated")
    create_event("event_4", status="failed", reason="KeyError", payload={"data": {}})
    create_event("event_5", status="failed", reason=QUARANTINED)

    listed = editor.get(f"{LIST}?state=failed&customer=acme-inc").text
    assert "/staff/webhooks/retry-failed/?state=failed&amp;customer=acme-inc" in listed
    page = editor.get(f"{LIST}retry-failed/?state=failed&customer=acme-inc")

    assert "Retry 4 events?" in page.text
    assert "Customer: Acme Inc." in page.text
    assert page.context["preview"].counts == [("connection.activated", 3), ("dsync.user.updated", 1)]
    assert f'href="{LIST}?state=failed&amp;customer=acme-inc">Cancel</a>' in page.text
    assert "killed workers" not in page.text
    assert not WebhookEvent.objects.exclude(due_at=None).exists()
    assert not AuditEntry.objects.filter(action="event_retried").exists()


def test_question_about_quarantined_events_warns_of_them(editor: Client) -> None:
    create_event("event_1", status="failed", reason=QUARANTINED)

    page = editor.get(f"{LIST}retry-failed/?state=quarantined").text

    assert "Retry 1 event?" in page
    assert "These events crashed workers and may do so again." in page


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("state=failed", "No failed event matches this filter."),
        ("state=applied", "Only failed events can be retried."),
        ("", "Only failed events can be retried."),
    ],
)
def test_nothing_to_retry_leads_back_to_the_list(editor: Client, query: str, answer: str) -> None:
    page = editor.get(f"{LIST}retry-failed/?{query}", follow=True)

    assert page.request["PATH_INFO"] == LIST
    assert answer in page.text


def test_question_says_if_more_failed_than_one_retry_takes_and_the_next_takes_the_others(
    editor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.retry.MAX_RETRIED", 2)
    for number in range(2):
        create_event(f"event_{number}", status="failed", reason="KeyError")
    path, more = f"{LIST}retry-failed/", "More events have failed than one retry takes."
    assert more not in editor.get(path, {"state": "failed"}).text
    create_event("event_2", status="failed", reason="KeyError", event="dsync.deleted")

    page = editor.get(path, {"state": "failed"}).text
    assert "Retry 2 events?" in page
    assert "dsync.deleted" not in page
    assert more in page
    assert "2 events will be retried now." in editor.post(path, {"state": "failed"}, follow=True).text

    retried = WebhookEvent.objects.filter(due_at__isnull=False)
    assert retried.update(due_at=None, attempts=F("attempts") + 1) == 2
    assert "dsync.deleted" in editor.get(path, {"state": "failed"}).text


POSTS = (
    f"{LIST}retry-failed/", f"{LIST}retry/event_1/", f"{LIST}replay/event_1/",
)  # fmt: skip


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(("who", "status"), [("nobody", 302), ("ada", 403), ("sam", 403), ("vic", 302)])
def test_only_staff_with_the_right_change_events(
    request: pytest.FixtureRequest, editor: Client, ada: User, sam: User, path: str, who: str, status: int
) -> None:
    deliver("connection.activated", event_id="event_1")
    WebhookEvent.objects.update(status="failed", reason="KeyError", due_at=None)
    before = WebhookEvent.objects.values().get()
    client = {"nobody": Client(), "ada": signed_in(ada), "sam": signed_in(sam), "vic": editor}[who]

    response = client.post(path, {"state": "failed"})

    assert response.status_code == status
    assert (WebhookEvent.objects.values().get() == before) is (who != "vic")
    assert AuditEntry.objects.filter(action__startswith="event_").exists() is (who == "vic")


def test_staff_without_the_right_are_offered_no_action(viewer: Client, editor: Client) -> None:
    create_event(status="failed", reason="KeyError")
    paths = ("/staff/webhooks/events/event_1/", f"{LIST}?state=failed")

    for path in paths:
        page = viewer.get(path).text
        assert "/staff/webhooks/re" not in page
        assert "ask for the right to change webhook events" in page
        assert "/staff/webhooks/re" in editor.get(path).text
    for path in ("/staff/webhooks/replay/event_1/", f"{LIST}retry-failed/?state=failed"):
        assert viewer.get(path).status_code == 403


@pytest.mark.parametrize("path", POSTS)
def test_actions_need_a_csrf_token(editor: Client, path: str) -> None:
    create_event(status="failed", reason="KeyError")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(email="vic@saas.example"))

    assert strict.post(path, {"state": "failed"}).status_code == 403
