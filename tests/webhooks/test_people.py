"""Directory people follow the events, in any order of arrival. See also test_histories."""

from typing import Any

import pytest
from django.utils import timezone

from audit.log import audit_entries_for
from enterprises.models import Enterprise
from mirror.models import Directory
from mirror.people_counts import Counts, read_counts
from mirror.people_models import DirectoryGroup, DirectoryMembership, DirectoryUser
from outbox.models import Task
from tests.conftest import ACME_ORGANIZATION, BIRCH_ORGANIZATION
from tests.deliveries import deliver
from webhooks.inbox import apply_waiting
from webhooks.models import WebhookEvent
from webhooks.replay import preview_replay, select_events

pytestmark = pytest.mark.django_db

DIRECTORY = "directory_1"
Payload = dict[str, Any]


def at(minute: int) -> str:
    return f"2026-01-15T12:{minute:02d}:00.000Z"


def user(minute: int = 0, **fields: Any) -> Payload:
    return {
        "object": "directory_user",
        "id": "user_ada",
        "directory_id": DIRECTORY,
        "organization_id": ACME_ORGANIZATION,
        "idp_id": "idp_ada",
        "email": "ada@acme.example",
        "first_name": "Ada",
        "last_name": "Byron",
        "name": "Ada Byron",
        "state": "active",
        "custom_attributes": {},
        "created_at": at(0),
        "updated_at": at(minute),
    } | fields


def group(minute: int = 0, **fields: Any) -> Payload:
    return {
        "object": "directory_group",
        "id": "group_engineers",
        "idp_id": "Engineers",
        "directory_id": DIRECTORY,
        "organization_id": ACME_ORGANIZATION,
        "name": "Engineers",
        "created_at": at(0),
        "updated_at": at(minute),
    } | fields


def membership(person: Payload | None = None, of: Payload | None = None) -> Payload:
    return {"directory_id": DIRECTORY, "user": person or user(), "group": of or group()}


def apply(event: str, minute: int, data: Payload) -> str:
    """Deliver and apply one event that happened at this minute; return its status."""
    event_id = f"event_{minute:03d}_{event}"
    deliver({"id": event_id, "event": event, "data": data, "created_at": at(minute)})
    apply_waiting(now=timezone.now())
    return WebhookEvent.objects.get(event_id=event_id).status


def counts() -> Counts:
    [found] = read_counts(Directory.objects.values_list("pk", flat=True)).values()
    return found


def current_groups() -> set[str]:
    return {row.group.name for row in DirectoryMembership.objects.current().select_related("group")}


def test_person_is_created_updated_and_deactivated_in_place(acme: Enterprise) -> None:
    assert apply("dsync.user.created", 1, user(1)) == "applied"
    assert apply("dsync.user.updated", 2, user(2, email="ada.byron@acme.example")) == "applied"
    assert apply("dsync.user.updated", 3, user(3, state="inactive")) == "applied"

    person = DirectoryUser.objects.get()
    assert (person.state, person.name, person.email) == ("inactive", "Ada Byron", "ada@acme.example")
    assert person.directory.organization_id == acme.organization_id
    assert (counts().active_people, counts().inactive_people) == (0, 1)


def test_older_news_of_a_person_is_stale(acme: Enterprise) -> None:
    apply("dsync.user.updated", 3, user(3, state="inactive"))

    assert apply("dsync.user.created", 1, user(1)) == "stale"
    assert DirectoryUser.objects.get().state == "inactive"


def test_person_who_was_deleted_keeps_memberships_and_returns_with_the_same_id(acme: Enterprise) -> None:
    apply("dsync.user.created", 1, user(1))
    apply("dsync.group.created", 1, group(1))
    apply("dsync.group.user_added", 2, membership())
    apply("dsync.user.deleted", 3, user(1))

    assert current_groups() == set()
    assert counts().active_people == 0

    apply("dsync.user.updated", 5, user(5))

    assert current_groups() == {"Engineers"}
    assert counts().active_people == 1


def test_removal_of_an_unknown_person_is_remembered_and_shown_nowhere(acme: Enterprise) -> None:
    apply("dsync.user.deleted", 3, user(1))
    apply("dsync.group.user_removed", 3, membership(user(1, id="user_bob")))

    assert not DirectoryUser.objects.filter(is_announced=True).exists()
    assert not DirectoryGroup.objects.filter(is_announced=True).exists()
    assert read_counts(Directory.objects.values_list("pk", flat=True)) == {}

    apply("dsync.user.created", 2, user(1))
    apply("dsync.user.created", 1, user(1, id="user_bob"))
    apply("dsync.group.user_added", 2, membership(user(1, id="user_bob")))

    assert {row.user_id: row.state for row in DirectoryUser.objects.all()} == {
        "user_ada": "inactive",
        "user_bob": "active",
    }
    assert current_groups() == set()


def test_field_that_is_absent_blanks_nothing_and_a_null_does(acme: Enterprise) -> None:
    apply("dsync.user.created", 1, user(1))
    partial = user(2, state="inactive")
    for name in ("email", "name", "first_name", "last_name", "idp_id", "created_at"):
        del partial[name]
    apply("dsync.user.updated", 2, partial)

    person = DirectoryUser.objects.get()
    assert (person.state, person.email, person.name) == ("inactive", "ada@acme.example", "Ada Byron")

    apply("dsync.user.updated", 3, user(3, email=None))

    person.refresh_from_db()
    assert (person.state, person.email) == ("active", "")


def test_field_that_only_older_news_mentions_is_taken_from_it(acme: Enterprise) -> None:
    partial = user(3, state="inactive")
    del partial["email"]
    apply("dsync.user.updated", 3, partial)
    apply("dsync.user.created", 1, user(1, email="first@acme.example"))
    apply("dsync.user.updated", 2, user(2, email="second@acme.example"))

    person = DirectoryUser.objects.get()
    assert (person.state, person.email) == ("inactive", "second@acme.example")


def test_membership_that_arrives_first_counts_once_its_person_and_group_are_known(acme: Enterprise) -> None:
    named = {"id": "user_ada", "directory_id": DIRECTORY, "organization_id": ACME_ORGANIZATION}
    assert (
        apply("dsync.group.user_added", 2, membership(named, {**named, "id": "group_engineers"})) == "applied"
    )
    assert current_groups() == set()

    apply("dsync.group.created", 1, group(1))
    apply("dsync.user.created", 1, user(1))

    assert current_groups() == {"Engineers"}


def test_memberships_are_ordered_by_the_time_of_the_event_and_then_its_id(acme: Enterprise) -> None:
    for name, minute in (("user_removed", 4), ("user_added", 3), ("user_added", 4)):
        apply(f"dsync.group.{name}", minute, membership())

    # `event_004_dsync.group.user_removed` comes after `event_004_dsync.group.user_added`.
    assert current_groups() == set()


def test_end_of_a_group_ends_its_memberships_also_those_that_arrive_late(acme: Enterprise) -> None:
    apply("dsync.group.user_added", 1, membership())
    apply("dsync.group.deleted", 5, group())
    apply("dsync.group.user_added", 4, membership(user(id="user_bob", email="bob@acme.example")))
    assert current_groups() == set()
    assert counts().groups == 0

    # The customer's own ids may return.
    apply("dsync.group.created", 6, group(6))
    assert current_groups() == set()
    apply("dsync.group.user_added", 7, membership())
    assert DirectoryMembership.objects.current().count() == 1


def test_earlier_end_of_a_group_that_arrives_late_brings_no_memberships_back(acme: Enterprise) -> None:
    apply("dsync.group.user_added", 3, membership())
    apply("dsync.group.deleted", 5, group())
    apply("dsync.group.deleted", 2, group())
    apply("dsync.group.created", 6, group(6))

    assert current_groups() == set()


def test_end_of_a_directory_ends_its_memberships_and_keeps_people_as_they_are(acme: Enterprise) -> None:
    apply("dsync.group.user_added", 1, membership())
    directory = {
        "id": DIRECTORY,
        "organization_id": ACME_ORGANIZATION,
        "state": "active",
        "updated_at": at(0),
    }
    apply("dsync.deleted", 5, directory)
    apply("dsync.group.user_added", 4, membership(user(id="user_bob")))

    assert current_groups() == set()
    assert DirectoryUser.objects.filter(state="active").count() == 2
    assert Directory.objects.get().state == "deleted"


def test_ids_are_unique_in_their_directory_only(acme: Enterprise, birch: Enterprise) -> None:
    apply("dsync.user.created", 1, user(1, id="7"))
    apply(
        "dsync.user.created",
        2,
        user(2, id="7", directory_id="directory_2", organization_id=BIRCH_ORGANIZATION, name="Bob"),
    )

    assert {row.directory.directory_id: row.name for row in DirectoryUser.objects.all()} == {
        DIRECTORY: "Ada Byron",
        "directory_2": "Bob",
    }


def test_address_that_is_given_to_another_person_brings_no_groups(acme: Enterprise) -> None:
    apply("dsync.group.user_added", 1, membership())
    apply("dsync.user.deleted", 2, user())
    apply("dsync.user.created", 3, user(3, id="user_new", idp_id="idp_new", name="New Person"))

    assert current_groups() == set()
    assert DirectoryUser.objects.get(user_id="user_new").memberships.count() == 0


def test_event_of_an_unknown_directory_creates_the_directory_and_its_own_event_completes_it(
    acme: Enterprise,
) -> None:
    apply("dsync.user.created", 2, user(2))
    assert Directory.objects.get().state == "validating"

    directory = {
        "id": DIRECTORY,
        "organization_id": ACME_ORGANIZATION,
        "state": "active",
        "updated_at": at(1),
    }
    apply("dsync.activated", 1, directory | {"name": "Acme SCIM"})

    assert (Directory.objects.get().state, Directory.objects.get().name) == ("active", "Acme SCIM")
    assert [entry.action for entry in audit_entries_for(acme)] == ["directory_activated"]


def test_event_that_names_no_organization_waits_for_its_directory(acme: Enterprise) -> None:
    anonymous = user(2)
    del anonymous["organization_id"]
    assert apply("dsync.user.created", 2, anonymous) == "waiting"

    apply("dsync.user.created", 3, user(3, id="user_bob"))
    apply_waiting(now=timezone.now())

    assert DirectoryUser.objects.filter(user_id="user_ada", state="active").exists()


def test_event_of_an_unknown_organization_waits_whether_it_is_nested_or_not(acme: Enterprise) -> None:
    unknown = {"organization_id": "org_unknown", "directory_id": "directory_9"}
    assert apply("dsync.user.created", 1, user(1, **unknown)) == "waiting"
    nested = {"user": user(1, **unknown), "group": group(1, **unknown), "directory_id": "directory_9"}
    assert apply("dsync.group.user_added", 2, nested) == "waiting"

    assert set(WebhookEvent.objects.values_list("awaited_organization_id", flat=True)) == {"org_unknown"}


def test_people_cause_neither_audit_entries_nor_mails(acme: Enterprise) -> None:
    apply("dsync.group.user_added", 1, membership())
    apply("dsync.user.deleted", 2, user())

    assert not audit_entries_for(acme).exists()
    assert not Task.objects.exists()


def test_event_with_a_state_that_we_do_not_know_fails_and_the_row_stays(acme: Enterprise) -> None:
    apply("dsync.user.created", 1, user(1))

    assert apply("dsync.user.updated", 2, user(2, state="on holiday")) == "failed"
    assert DirectoryUser.objects.get().state == "active"


@pytest.mark.parametrize("field", ["id", "directory_id"])
def test_event_without_an_id_fails_and_the_others_of_its_batch_are_applied(
    acme: Enterprise, field: str
) -> None:
    deliver({"id": "event_1", "event": "dsync.user.created", "data": user(1) | {field: None}})
    deliver({"id": "event_2", "event": "dsync.user.created", "data": user(1, id="user_bob")})
    apply_waiting(now=timezone.now())

    assert dict(WebhookEvent.objects.values_list("event_id", "status")) == {
        "event_1": "failed",
        "event_2": "applied",
    }


def test_batch_takes_the_same_number_of_queries_however_many_people_are_in_it(
    acme: Enterprise, django_assert_max_num_queries: Any
) -> None:
    apply("dsync.group.created", 1, group(1))
    for number in range(200):
        person = user(1, id=f"user_{number}", idp_id=f"idp_{number}")
        deliver({"id": f"event_a{number}", "event": "dsync.group.user_added", "data": membership(person)})
    with django_assert_max_num_queries(25):
        apply_waiting(now=timezone.now())

    assert DirectoryMembership.objects.current().count() == 200
    assert counts() == Counts(200, 0, 1, counts().changed_at)


def test_preview_of_a_replay_names_what_changes_and_changes_nothing(acme: Enterprise) -> None:
    apply("dsync.group.user_added", 1, membership())
    apply("dsync.user.updated", 2, user(2, name="Renamed"))
    WebhookEvent.objects.update(status="failed")
    DirectoryUser.objects.update(name="Wrong", as_of="2026-01-01T00:00:00Z")

    report = preview_replay(select_events(failed=True), now=timezone.now())

    assert [str(change) for change in report.changes if change.field == "name"] == [
        "directory user user_ada: name Wrong → Renamed"
    ]
    assert DirectoryUser.objects.get().name == "Wrong"
