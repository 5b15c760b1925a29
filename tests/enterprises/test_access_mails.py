"""Changes of roles and access are mailed to all IT admins and to the person, once each."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone

from audit.actor import APPLICATION, COMMAND_LINE, Actor
from enterprises import access_grants, invitations, memberships
from enterprises.models import Enterprise, Invitation, Membership, Notification, Role
from enterprises.tasks import TaskKind
from hostapp.models import User
from outbox.models import Task
from outbox.runner import run_due_tasks
from tests.conftest import signed_in
from tests.smtp_server import SmtpServer, run_smtp_server

pytestmark = pytest.mark.django_db


@pytest.fixture
def cem(acme: Enterprise) -> User:
    """Another IT admin of Acme."""
    user = User.objects.create_user("cem@acme.example", "correct horse battery", name="Cem Can")
    Membership.objects.create(user=user, enterprise=acme, role=Role.IT_ADMIN)
    return user


def run_all_tasks() -> dict[str, Any]:
    """The mails that the due tasks sent, by recipient. Nobody gets two."""
    while run_due_tasks(now=timezone.now()):
        pass
    assert len({message.to[0] for message in mail.outbox}) == len(mail.outbox)
    return {message.to[0]: message for message in mail.outbox}


def membership_of(user: User) -> Membership:
    return Membership.objects.get(user=user)


def subjects(mails: dict[str, Any]) -> dict[str, str]:
    return {address: message.subject.removesuffix(" · Acme Inc.") for address, message in mails.items()}


def test_promotion_is_mailed_to_all_it_admins_and_to_the_person(
    ada: User, ben: User, cem: User, cleo: User
) -> None:
    path = f"/enterprises/acme-inc/members/{membership_of(ben).pk}/role/"
    assert signed_in(ada).post(path, {"role": "it_admin"}).status_code == 302

    mails = run_all_tasks()

    assert subjects(mails) == {
        "ada@acme.example": "Ben Brandt is now an IT admin",
        "cem@acme.example": "Ben Brandt is now an IT admin",
        "ben@acme.example": "You're now an IT admin",
    }
    text = mails["cem@acme.example"].body
    assert text.startswith("Ada Adeyemi made Ben Brandt an IT admin of Acme Inc.\n")
    for words in ("Done by: Ada Adeyemi <ada@acme.example>", "When: ", "UTC", "IP address: 127.0.0.1"):
        assert words in text
    assert "http://localhost:8000/enterprises/acme-inc/members/\n" in text
    assert "You're now an IT admin of Acme Inc." in mails["ben@acme.example"].body


def test_demotion_is_mailed_to_the_person_without_the_ip_address_of_the_actor(
    ada: User, ben: User, cem: User
) -> None:
    actor = Actor.from_user(ada, client_ip="203.0.113.7")
    memberships.change_role(membership_of(cem), Role.MEMBER, actor, timezone.now())

    mails = run_all_tasks()

    assert subjects(mails) == {
        "ada@acme.example": "Cem Can is no longer an IT admin",
        "cem@acme.example": "You're no longer an IT admin",
    }
    assert "Ada Adeyemi changed the role of Cem Can in Acme Inc." in mails["ada@acme.example"].body
    assert "203.0.113.7" in mails["ada@acme.example"].body
    text = mails["cem@acme.example"].body
    assert "Done by: Ada Adeyemi <ada@acme.example>" in text
    assert "Who to ask: Ada Adeyemi <ada@acme.example>" in text
    assert "203.0.113.7" not in text


def test_removed_person_is_told_by_whom_and_whom_to_ask(ada: User, ben: User, cem: User) -> None:
    path = f"/enterprises/acme-inc/members/{membership_of(ben).pk}/remove/"
    assert signed_in(ada).post(path).status_code == 302

    mails = run_all_tasks()

    assert subjects(mails) == {
        "ada@acme.example": "Ben Brandt was removed",
        "cem@acme.example": "Ben Brandt was removed",
        "ben@acme.example": "You no longer have access",
    }
    assert mails["cem@acme.example"].body.startswith("Ada Adeyemi removed Ben Brandt from Acme Inc.\n")
    text = mails["ben@acme.example"].body
    assert text.startswith("You no longer have access to Acme Inc.\n")
    assert "Done by: Ada Adeyemi <ada@acme.example>" in text
    assert "Who to ask: Ada Adeyemi <ada@acme.example>, Cem Can <cem@acme.example>" in text
    assert "/enterprises/" not in text


def test_person_who_leaves_gets_one_mail(ada: User, cem: User) -> None:
    memberships.remove_member(membership_of(cem), Actor.from_user(cem), timezone.now())

    mails = run_all_tasks()

    assert subjects(mails) == {
        "ada@acme.example": "Cem Can was removed",
        "cem@acme.example": "You no longer have access",
    }
    assert mails["ada@acme.example"].body.startswith("Cem Can left Acme Inc.\n")


def end_by_orm(user: User) -> None:
    membership_of(user).delete()


def end_by_sql(user: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM enterprises_membership WHERE user_id = %s", [user.pk])
    access_grants.announce_lost_access(timezone.now())


def deactivate(user: User) -> None:
    memberships.deactivate_user(user, COMMAND_LINE, timezone.now())


def delete_user(user: User) -> None:
    user.delete()


@pytest.mark.parametrize("end", [end_by_orm, end_by_sql, deactivate, delete_user])
def test_access_that_ends_in_any_way_is_mailed_once(
    end: Callable[[User], None], ada: User, ben: User, cem: User
) -> None:
    end(cem)
    access_grants.announce_lost_access(timezone.now())

    mails = run_all_tasks()

    assert set(mails) == {"ada@acme.example", "cem@acme.example"}
    assert mails["ada@acme.example"].subject.endswith(" no longer has access · Acme Inc.")
    assert ("Done by: Portal Host support" in mails["ada@acme.example"].body) == (end is deactivate)


def test_role_that_is_the_same_is_not_mailed(ada: User, ben: User) -> None:
    memberships.change_role(membership_of(ben), Role.MEMBER, Actor.from_user(ada), timezone.now())

    assert run_all_tasks() == {}


def test_change_that_is_rolled_back_is_not_mailed(ada: User, ben: User) -> None:
    with transaction.atomic():
        memberships.remove_member(membership_of(ben), Actor.from_user(ada), timezone.now())
        assert Task.objects.filter(kind=TaskKind.SEND_TO_ADDRESS).exists()
        transaction.set_rollback(True)

    assert run_all_tasks() == {}
    assert not Notification.objects.exists()


def test_other_enterprise_hears_nothing(ada: User, ben: User, birch: Enterprise, cleo: User) -> None:
    memberships.remove_member(membership_of(ben), Actor.from_user(ada), timezone.now())

    assert "cleo@birch.example" not in run_all_tasks()


def test_each_change_of_one_person_is_mailed(ada: User, ben: User) -> None:
    for role in (Role.IT_ADMIN, Role.MEMBER):
        memberships.change_role(membership_of(ben), role, Actor.from_user(ada), timezone.now())

    while run_due_tasks(now=timezone.now()):
        pass

    assert [message.to for message in mail.outbox].count(["ben@acme.example"]) == 2
    assert [message.to for message in mail.outbox].count(["ada@acme.example"]) == 2


def test_new_it_admin_without_a_password_gets_only_the_link(acme: Enterprise, ada: User) -> None:
    memberships.add_it_admin(acme, "new@acme.example", COMMAND_LINE, timezone.now())

    mails = run_all_tasks()

    assert subjects(mails) == {
        "ada@acme.example": "new@acme.example is now an IT admin",
        "new@acme.example": "You're now an IT admin",
    }
    assert "/account/reset/" in mails["new@acme.example"].body
    assert mails["ada@acme.example"].body.startswith("Portal Host support made new@acme.example")


@pytest.fixture
def smtp_server(settings: Any) -> Any:
    with run_smtp_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", server.port, 5
        yield server


def test_retries_send_each_mail_once(ada: User, ben: User, cem: User, smtp_server: SmtpServer) -> None:
    memberships.remove_member(membership_of(ben), Actor.from_user(ada), timezone.now())
    smtp_server.answer = lambda command: "450 Later" if "ben@" in command or "cem@" in command else None
    run_due_tasks(now=timezone.now())
    assert smtp_server.accepted == ["ada@acme.example"]

    smtp_server.answer = lambda command: None
    for _ in range(3):
        run_due_tasks(now=timezone.now() + timedelta(minutes=1))

    assert sorted(smtp_server.accepted) == ["ada@acme.example", "ben@acme.example", "cem@acme.example"]
    assert not Task.objects.exists()


# --- Invitations that are accepted --------------------------------------------------------------------------


def join(acme: Enterprise, inviter: User, role: str) -> None:
    """Eve accepts an invitation."""
    invitations.invite(acme, "eve@acme.example", role, Actor.from_user(inviter), timezone.now())
    Task.objects.all().delete()
    joined = invitations.accept_invitation_as_new_user(
        Invitation.objects.get(),
        name="Eve Engel",
        password="a very good battery",
        client_ip="203.0.113.7",
        now=timezone.now(),
    )
    assert joined


def test_new_it_admin_is_mailed_to_all_it_admins(acme: Enterprise, ada: User, ben: User, cem: User) -> None:
    join(acme, ada, Role.IT_ADMIN)

    mails = run_all_tasks()

    assert subjects(mails) == dict.fromkeys(
        ["ada@acme.example", "cem@acme.example"], "Eve Engel joined as an IT admin"
    )
    assert "IP address: 203.0.113.7" in mails["cem@acme.example"].body


def test_new_member_is_mailed_to_the_inviter_only(acme: Enterprise, ada: User, cem: User) -> None:
    join(acme, ada, Role.MEMBER)

    mails = run_all_tasks()

    assert subjects(mails) == {"ada@acme.example": "Eve Engel joined"}


def test_actor_that_nobody_knows_is_left_out(ada: User, ben: User) -> None:
    memberships.remove_member(membership_of(ben), APPLICATION, timezone.now())

    mails = run_all_tasks()

    assert "Done by" not in mails["ben@acme.example"].body
    assert "this application" not in mails["ada@acme.example"].body
