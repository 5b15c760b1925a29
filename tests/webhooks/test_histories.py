"""Whatever the order, the repetitions and the deaths of workers, people end as in the ordered history.

Each history is written twice, for either setting of what a deactivation looks like.

HISTORIES=10000 pytest tests/webhooks/test_histories.py     # or: make histories
"""

import json
import os
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random

import pytest
from django.db import connection
from django.utils import timezone

from enterprises.models import Enterprise
from mirror.models import Directory
from mirror.people_counts import Counts, merge_counts, read_counts
from mirror.people_models import DirectoryGroup, DirectoryMembership, DirectoryUser
from tests.conftest import ACME_ORGANIZATION
from tests.processes import Manage, a_connection_is_busy, wait_until
from tests.webhooks.histories import Ending, Payload, read_in_order, write_history
from webhooks.inbox import apply_waiting
from webhooks.models import WebhookEvent
from webhooks.receive.accept import Delivery
from webhooks.receive.queues import find_queue
from webhooks.receive.record import build_insert

HISTORIES = int(os.environ.get("HISTORIES", "120"))
# So many share a round: two workers, and one death.
HISTORIES_IN_A_ROUND = 250

# A full round takes 10 s alone, and may take minutes on a busy machine.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def build_rounds() -> Iterator[tuple[int, range]]:
    for start in range(0, HISTORIES, HISTORIES_IN_A_ROUND):
        yield start, range(start, min(HISTORIES, start + HISTORIES_IN_A_ROUND))


def record(arrivals: Sequence[Payload]) -> None:
    """Record deliveries as the receiver does, in one statement."""
    now = timezone.now()
    deliveries = [
        (
            Delivery(
                event_id=one["id"],
                event=one["event"],
                text=json.dumps(one),
                issued_at=now,
                created_at=datetime.fromisoformat(one["created_at"]),
                secret_name="current",
                queue=find_queue(one["event"], one["data"]),
            ),
            now,
        )
        for one in arrivals
    ]
    statement = build_insert(deliveries)
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.parameters)


def apply_until_nothing_is_due() -> None:
    now = timezone.now()
    for _ in range(10_000):
        # What a killed worker had claimed is due again later.
        now += timedelta(minutes=1)
        if not apply_waiting(now=now) and not WebhookEvent.objects.due(now + timedelta(days=1)).exists():
            return
    raise AssertionError("events are still due")


def read_endings(directories: Sequence[str]) -> dict[str, Ending]:
    endings = {one: Ending({}, {}, set()) for one in directories}
    of_these = {"directory__directory_id__in": directories}
    for user in DirectoryUser.objects.filter(is_announced=True, **of_these).select_related("directory"):
        ending = endings[user.directory.directory_id]
        ending.people[user.user_id] = (user.state, user.name, user.email, user.idp_id)
    live = DirectoryGroup.objects.filter(is_announced=True, state="active", **of_these)
    for group in live.select_related("directory"):
        endings[group.directory.directory_id].groups[group.group_id] = group.name
    members = DirectoryMembership.objects.current().filter(group__directory__directory_id__in=directories)
    for directory, user_id, group_id in members.values_list(
        "group__directory__directory_id", "user__user_id", "group__group_id"
    ):
        endings[directory].members.add((user_id, group_id))
    return endings


def count_endings(endings: dict[str, Ending]) -> dict[str, tuple[int, int, int]]:
    counted = {}
    for directory, ending in endings.items():
        states = [state for state, *_ in ending.people.values()]
        counted[directory] = states.count("active"), states.count("inactive"), len(ending.groups)
    return counted


def read_kept_counts(directories: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    pks = dict(Directory.objects.filter(directory_id__in=directories).values_list("directory_id", "pk"))
    counts = read_counts(pks.values())
    kept = {directory: counts.get(pks.get(directory, 0), Counts()) for directory in directories}
    return {
        directory: (one.active_people, one.inactive_people, one.groups) for directory, one in kept.items()
    }


@pytest.mark.parametrize(("start", "seeds"), build_rounds(), ids=str)
def test_shuffled_repeated_and_interrupted_histories_end_as_the_ordered_ones(
    acme: Enterprise, manage: Manage, start: int, seeds: range
) -> None:
    random = Random(start)  # noqa: S311 - a shuffle that can be repeated
    histories = {
        directory: write_history(seed, directory, ACME_ORGANIZATION, soft_delete=soft_delete)
        for seed in seeds
        for soft_delete, directory in ((True, f"directory_soft_{seed}"), (False, f"directory_{seed}"))
    }
    events = [event for history in histories.values() for event in history]
    arrivals = events + random.sample(events, len(events) // 2)
    random.shuffle(arrivals)

    # The first part is long enough that the workers are met at their work.
    cuts = sorted(random.sample(range(len(arrivals) // 4, len(arrivals)), 4))
    record(arrivals[: cuts[0]])
    killed, other = manage("apply_events"), manage("apply_events")
    # In the middle of a statement or of a transaction.
    wait_until(a_connection_is_busy, seconds=60)
    killed.kill()
    for begin, end in zip(cuts, [*cuts[1:], len(arrivals)], strict=True):
        record(arrivals[begin:end])
        apply_waiting(now=timezone.now(), size=random.choice([1, 7, 100]))
    apply_until_nothing_is_due()
    killed.wait(60)
    other.wait(60)
    apply_until_nothing_is_due()

    expected = {directory: read_in_order(history) for directory, history in histories.items()}
    assert_same(expected, histories)
    assert not WebhookEvent.objects.exclude(status__in=["applied", "stale"]).exists()

    # Once more, as a replay does.
    repeated = [event["id"] for event in random.sample(events, len(events) // 4)]
    WebhookEvent.objects.filter(event_id__in=repeated).update(status="waiting", due_at=timezone.now())
    merge_counts(timezone.now())
    apply_until_nothing_is_due()

    assert_same(expected, histories)


def assert_same(expected: dict[str, Ending], histories: dict[str, list[Payload]]) -> None:
    actual = read_endings(list(histories))
    for directory, ending in expected.items():
        assert actual[directory] == ending, (directory, histories[directory])
    assert read_kept_counts(list(histories)) == count_endings(expected)
