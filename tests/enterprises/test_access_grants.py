"""A person who leaves loses access, whatever ended it: an action, the ORM, a cascade, or SQL."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from audit.actor import Actor
from audit.log import audit_entries_for
from enterprises import access_grants, invitations, memberships
from enterprises.models import AccessGrant, Enterprise, Invitation, Membership, Role
from enterprises.signals import access_ended
from hostapp.models import User
from hostapp.tasks import PERIODIC_JOBS
from outbox import queue
from outbox.models import Task
from portal.tasks import REVOKE_PORTAL_LINKS

pytestmark = pytest.mark.django_db


@pytest.fixture
def ended() -> Any:
    """The (username, role) of each access that ended."""
    received: list[tuple[str, str]] = []

    def receive(membership: Membership, username: str, **kwargs: Any) -> None:
        received.append((username, membership.role))

    access_ended.connect(receive)
    yield received
    access_ended.disconnect(receive)


def membership_of(user: User) -> Membership:
    return Membership.objects.get(user=user)


def demote(user: User) -> None:
    membership = membership_of(user)
    membership.role = Role.MEMBER
    membership.save()


def deactivate(user: User) -> None:
    user.is_active = False
    user.save()


@pytest.mark.parametrize(
    "end",
    [
        lambda user: membership_of(user).delete(),
        lambda user: Membership.objects.filter(user=user).delete(),
        lambda user: user.delete(),
        demote,
        deactivate,
    ],
    ids=["membership deleted", "queryset deleted", "user deleted", "demoted", "deactivated"],
)
def test_access_that_ends_through_the_orm_is_announced_once(
    end: Callable[[User], object], acme: Enterprise, ada: User, ended: list[tuple[str, str]]
) -> None:
    user_id = ada.pk

    end(ada)

    assert ended == [("ada@acme.example", "it_admin")]
    tasks = Task.objects.filter(kind=REVOKE_PORTAL_LINKS, subject=acme.external_id)
    assert {task.arguments["user_id"] for task in tasks} == {user_id}
    assert audit_entries_for(acme)[0].action_label == "Access ended"
    assert access_grants.announce_lost_access(timezone.now()) == 0


def test_revocation_is_rolled_back_with_the_change_that_needs_it(ada: User) -> None:
    with transaction.atomic():
        membership_of(ada).delete()
        assert Task.objects.exists()
        transaction.set_rollback(True)

    assert not Task.objects.exists()
    assert Membership.objects.filter(user=ada).exists()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM enterprises_membership WHERE user_id = %s",
        "UPDATE enterprises_membership SET role = 'member' WHERE user_id = %s",
        "UPDATE hostapp_user SET is_active = false WHERE id = %s",
    ],
)
def test_access_that_ends_through_sql_is_found_by_the_periodic_job(
    statement: str, acme: Enterprise, ada: User, cleo: User, ended: list[tuple[str, str]]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [ada.pk])
    assert ended == []

    assert access_grants.announce_lost_access(timezone.now()) == 1
    assert access_grants.announce_lost_access(timezone.now()) == 0

    assert ended == [("ada@acme.example", "it_admin")]
    assert Task.objects.filter(kind=REVOKE_PORTAL_LINKS, subject=acme.external_id).count() == 1


def test_periodic_job_runs_at_least_every_minute() -> None:
    (job,) = [job for job in PERIODIC_JOBS if job.run is access_grants.announce_lost_access]

    assert job.interval <= 60


def test_user_deleted_through_sql_is_found_by_the_periodic_job(
    ada: User, ended: list[tuple[str, str]]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM enterprises_membership WHERE user_id = %s", [ada.pk])
        cursor.execute("DELETE FROM hostapp_user WHERE id = %s", [ada.pk])

    access_grants.announce_lost_access(timezone.now())

    assert ended == [("ada@acme.example", "it_admin")]


def test_access_granted_in_bulk_is_announced_when_it_ends(
    acme: Enterprise, dan: User, ended: list[tuple[str, str]]
) -> None:
    Membership.objects.bulk_create([Membership(enterprise=acme, user=dan, role=Role.IT_ADMIN)])
    access_grants.announce_lost_access(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM enterprises_membership WHERE user_id = %s", [dan.pk])

    access_grants.announce_lost_access(timezone.now())

    assert ended == [("dan@dune.example", "it_admin")]


@pytest.mark.parametrize("change", ["demote", "remove"])
def test_it_admin_who_was_promoted_in_bulk_is_announced_at_once(
    change: str, ada: User, ben: User, ended: list[tuple[str, str]]
) -> None:
    Membership.objects.filter(user=ben).update(role=Role.IT_ADMIN)
    actor, now = Actor.from_user(ada), timezone.now()

    if change == "demote":
        memberships.change_role(membership_of(ben), Role.MEMBER, actor, now)
    else:
        memberships.remove_member(membership_of(ben), actor, now)

    assert ended == [("ben@acme.example", "it_admin")]


def test_action_here_names_its_actor_and_is_announced_once(
    acme: Enterprise, ada: User, ben: User, ended: list[tuple[str, str]]
) -> None:
    memberships.remove_member(membership_of(ben), Actor.from_user(ada), timezone.now())
    access_grants.announce_lost_access(timezone.now())

    assert ended == [("ben@acme.example", "member")]
    assert [entry.actor for entry in audit_entries_for(acme)] == ["Ada Adeyemi <ada@acme.example>"]
    assert not AccessGrant.objects.filter(user_id=ben.pk).exists()


def test_promotion_and_reactivation_end_nothing_and_are_granted_again(
    ada: User, ben: User, ended: list[tuple[str, str]]
) -> None:
    Membership.objects.filter(user=ben).update(role=Role.IT_ADMIN)
    access_grants.announce_lost_access(timezone.now())
    assert ended == []
    assert AccessGrant.objects.get(user_id=ben.pk).role == Role.IT_ADMIN

    deactivate(ben)
    ben.is_active = True
    ben.save()
    assert AccessGrant.objects.get(user_id=ben.pk).role == Role.IT_ADMIN

    deactivate(ben)
    User.objects.filter(pk=ben.pk).update(is_active=True)
    access_grants.announce_lost_access(timezone.now())
    assert AccessGrant.objects.get(user_id=ben.pk).role == Role.IT_ADMIN
    assert len(ended) == 2


def test_access_of_others_does_not_end(
    ada: User, ben: User, cleo: User, ended: list[tuple[str, str]]
) -> None:
    membership_of(ben).delete()
    access_grants.announce_lost_access(timezone.now())

    assert {username for username, _ in ended} == {"ben@acme.example"}


def test_invitations_of_a_former_it_admin_are_revoked(
    acme: Enterprise, birch: Enterprise, ada: User, ben: User, cleo: User
) -> None:
    now = timezone.now()
    Membership.objects.filter(user=ben).update(role=Role.IT_ADMIN)
    invitations.invite(acme, "eve@acme.example", Role.IT_ADMIN, Actor.from_user(ben), now)
    invitations.invite(acme, "fay@acme.example", Role.MEMBER, Actor.from_user(ada), now)
    invitations.invite(birch, "gil@birch.example", Role.MEMBER, Actor.from_user(cleo), now)

    memberships.change_role(membership_of(ben), Role.MEMBER, Actor.from_user(ada), now)

    remaining = Invitation.objects.values_list("email", flat=True).order_by("email")
    assert list(remaining) == ["fay@acme.example", "gil@birch.example"]
    revoked = audit_entries_for(acme).filter(action="invitation_revoked").get()
    assert (revoked.target, revoked.actor) == ("eve@acme.example", "Ada Adeyemi <ada@acme.example>")


def test_enterprise_with_waiting_tasks_cannot_be_deleted(acme: Enterprise, birch: Enterprise) -> None:
    queue.enqueue("push_name", acme.external_id)

    for delete in (acme.delete, Enterprise.objects.all().delete):
        with pytest.raises(ProtectedError, match="waiting outbox tasks"), transaction.atomic():
            delete()

    Task.objects.all().delete()
    acme.delete()
    assert list(Enterprise.objects.all()) == [birch]
