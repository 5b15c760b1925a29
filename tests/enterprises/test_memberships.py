"""Members join by invitation, change roles and leave; former IT admins lose their Portal Links."""

import re
import threading
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import responses
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.actions import Action
from audit.actor import COMMAND_LINE, WORKOS, Actor
from audit.log import append_audit_entries, append_audit_entry, audit_entries_for, build_audit_entry
from enterprises import invitations, memberships
from enterprises.memberships import LastITAdmin
from enterprises.models import Enterprise, Invitation, Membership, Role
from enterprises.tasks import TaskKind
from hostapp.models import User
from outbox.models import Task
from outbox.runner import run_due_tasks
from tests.conftest import signed_in
from tests.gateway.test_gateway import API

pytestmark = pytest.mark.django_db

ACTIVITY = "/enterprises/acme-inc/history/"
MEMBERS = "/enterprises/acme-inc/members/"
STRONG_PASSWORD = "a very good battery"


def invite(ada: User, email: str = "Eve@acme.example", role: str = "it_admin") -> Any:
    return signed_in(ada).post(f"{MEMBERS}invite/", {"email": email, "role": role}, follow=True)


def mailed_link() -> str:
    """Run the due tasks and return the path of the link in the newest mail."""
    while run_due_tasks(now=timezone.now()):
        pass
    (line,) = [line for line in mail.outbox[-1].body.splitlines() if line.startswith("http")]
    return line.removeprefix("http://localhost:8000")


def audit_actions(enterprise: Enterprise) -> list[str]:
    return [entry.action for entry in audit_entries_for(enterprise)][::-1]


def test_invitation_is_mailed_by_the_worker_and_listed_with_its_expiry(acme: Enterprise, ada: User) -> None:
    page = invite(ada)

    assert mailed_link().startswith("/invitations/")
    assert mail.outbox[-1].to == ["eve@acme.example"]
    invitation = Invitation.objects.get()
    assert invitation.expires_at - invitation.invited_at == timedelta(days=30)
    assert f"{invitation.expires_at.day} {invitation.expires_at:%B %Y}" in page.text


def test_invitation_row_does_not_store_the_token(acme: Enterprise, ada: User) -> None:
    invite(ada)
    token = mailed_link().split("/")[2]

    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(i::text, ' ') FROM enterprises_invitation i")
        stored = cursor.fetchone()[0]
    assert "eve@acme.example" in stored
    assert token not in stored


def test_new_user_accepts_an_invitation_by_setting_name_and_password(acme: Enterprise, ada: User) -> None:
    invite(ada)
    client = Client()
    page = client.get(mailed_link(), follow=True)
    assert "eve@acme.example" in page.text
    assert page.request["PATH_INFO"] == "/invitations/accept/"

    weak = client.post("/invitations/accept/", {"name": "Eve", "password1": "12345", "password2": "12345"})
    mismatched = client.post(
        "/invitations/accept/",
        {"name": "Eve", "password1": STRONG_PASSWORD, "password2": STRONG_PASSWORD + "!"},
    )
    assert "too short" in weak.text
    assert "don’t match" in mismatched.text
    joined = client.post(
        "/invitations/accept/",
        {"name": "Eve Engel", "password1": STRONG_PASSWORD, "password2": STRONG_PASSWORD},
        follow=True,
    )

    assert "now a member of Acme Inc." in joined.text
    membership = Membership.objects.get(user__email="eve@acme.example")
    assert (membership.role, membership.user.get_full_name()) == ("it_admin", "Eve Engel")
    assert client.login(username="eve@acme.example", password=STRONG_PASSWORD)
    assert audit_actions(acme) == ["invited", "invitation_accepted"]


def test_existing_user_signs_in_and_accepts_an_invitation(acme: Enterprise, ada: User, dan: User) -> None:
    invite(ada, dan.email, "member")
    client = Client()
    page = client.get(mailed_link(), follow=True)
    assert "Sign in as <strong>dan@dune.example" in page.text

    client.post(
        "/account/login/?next=/invitations/accept/",
        {"username": dan.email, "password": "correct horse battery"},
    )
    joined = client.post("/invitations/accept/", follow=True)

    assert "now a member of Acme Inc." in joined.text
    assert Membership.objects.get(user=dan).role == Role.MEMBER


def test_user_who_opens_another_user_s_invitation_is_asked_to_sign_out(
    acme: Enterprise, ada: User, ben: User
) -> None:
    invite(ada)
    client = signed_in(ben)

    page = client.get(mailed_link(), follow=True)
    client.post("/invitations/accept/")

    assert "Sign out, then open the link in the email again" in page.text
    assert not Membership.objects.filter(user__email="eve@acme.example").exists()
    assert Membership.objects.get(user=ben).role == Role.MEMBER


def test_invitation_link_can_be_used_only_once(acme: Enterprise, ada: User) -> None:
    invite(ada)
    link = mailed_link()
    form = {"name": "Eve", "password1": STRONG_PASSWORD, "password2": STRONG_PASSWORD}
    first, second = Client(), Client()
    for client in (first, second):
        client.get(link)
    first.post("/invitations/accept/", form)

    again = second.post("/invitations/accept/", form)

    assert again.status_code == 404
    assert "no longer valid" in again.text
    assert Membership.objects.filter(user__email="eve@acme.example").count() == 1


def test_expired_revoked_and_replaced_invitation_links_return_404(acme: Enterprise, ada: User) -> None:
    invite(ada)
    replaced = mailed_link()
    invitation = Invitation.objects.get()
    signed_in(ada).post(f"/enterprises/acme-inc/invitations/{invitation.pk}/resend/")
    newest = mailed_link()
    assert Client().get(replaced, follow=True).status_code == 404
    assert Client().get(newest, follow=True).status_code == 200

    Invitation.objects.update(expires_at=timezone.now())
    assert Client().get(newest, follow=True).status_code == 404

    Invitation.objects.update(expires_at=timezone.now() + timedelta(days=1))
    signed_in(ada).post(f"/enterprises/acme-inc/invitations/{invitation.pk}/revoke/")
    assert Client().get(newest, follow=True).status_code == 404
    assert audit_actions(acme) == ["invited", "invitation_resent", "invitation_revoked"]


def test_existing_member_cannot_be_invited(acme: Enterprise, ada: User, ben: User) -> None:
    page = invite(ada, "BEN@acme.example")

    assert "is already a member" in page.text
    assert not Invitation.objects.exists()


def test_it_admin_cannot_revoke_an_invitation_of_another_enterprise(
    acme: Enterprise, ada: User, birch: Enterprise, cleo: User
) -> None:
    invite(ada)
    number = Invitation.objects.get().pk

    response = signed_in(cleo).post(f"/enterprises/birch-ltd/invitations/{number}/revoke/")

    assert response.status_code == 404
    assert Invitation.objects.exists()


def test_members_page_explains_each_role(acme: Enterprise, ada: User) -> None:
    page = signed_in(ada).get(MEMBERS)

    for role in Role:
        assert role.explanation in page.text


def test_role_change_is_written_to_the_audit_log(acme: Enterprise, ada: User, ben: User) -> None:
    number = Membership.objects.get(user=ben).pk

    signed_in(ada).post(f"{MEMBERS}{number}/role/", {"role": "it_admin"})

    assert Membership.objects.get(user=ben).is_it_admin
    entry = audit_entries_for(acme).get()
    assert (entry.action_label, entry.actor, entry.target, entry.outcome, entry.client_ip) == (
        "Role changed",
        "Ada Adeyemi <ada@acme.example>",
        "Ben Brandt <ben@acme.example>",
        "Member → IT admin",
        "127.0.0.1",
    )


def test_removal_confirmation_page_removes_no_one(acme: Enterprise, ada: User, ben: User, cleo: User) -> None:
    path = f"{MEMBERS}{Membership.objects.get(user=ben).pk}/remove/"

    assert "Ben Brandt will lose access" in signed_in(ada).get(path).text
    assert signed_in(ben).get(path).status_code == 403
    assert signed_in(cleo).get(path).status_code == 404
    assert signed_in(ada).get(f"{MEMBERS}987654/remove/").status_code == 404
    assert Membership.objects.filter(user=ben).exists()


@pytest.mark.parametrize(("path", "data"), [("role/", {"role": "member"}), ("remove/", {})])
def test_last_it_admin_cannot_be_demoted_or_removed(
    acme: Enterprise, ada: User, ben: User, path: str, data: Any
) -> None:
    number = Membership.objects.get(user=ada).pk

    page = signed_in(ada).post(f"{MEMBERS}{number}/{path}", data)

    assert page.status_code == 302
    assert Membership.objects.get(user=ada).is_it_admin
    assert not Task.objects.exists()


def test_last_it_admin_who_can_sign_in_cannot_be_removed(acme: Enterprise, ada: User, ben: User) -> None:
    Membership.objects.update(role=Role.IT_ADMIN)
    User.objects.filter(pk=ben.pk).update(is_active=False)

    with pytest.raises(LastITAdmin):
        memberships.remove_member(Membership.objects.get(user=ada), Actor.from_user(ada), timezone.now())


@pytest.mark.django_db(transaction=True)
def test_concurrent_removals_keep_one_it_admin(acme: Enterprise, ada: User, ben: User) -> None:
    for _ in range(5):
        Membership.objects.all().delete()
        it_admins = [
            Membership.objects.create(enterprise=acme, user=user, role=Role.IT_ADMIN) for user in (ada, ben)
        ]
        start = threading.Barrier(2)
        refused: list[Membership] = []

        def remove(
            membership: Membership,
            start: threading.Barrier = start,
            refused: list[Membership] = refused,
        ) -> None:
            start.wait()
            try:
                memberships.remove_member(membership, COMMAND_LINE, timezone.now())
            except LastITAdmin:
                refused.append(membership)
            connection.close()

        threads = [threading.Thread(target=remove, args=(membership,)) for membership in it_admins]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(refused) == 1
        assert Membership.objects.filter(role=Role.IT_ADMIN).count() == 1


def end_it_admin_role(change: str, ada: User, ben: User, sam: User) -> None:
    membership = Membership.objects.get(user=ben)
    if change == "removed":
        signed_in(ada).post(f"{MEMBERS}{membership.pk}/remove/")
    elif change == "demoted":
        signed_in(ada).post(f"{MEMBERS}{membership.pk}/role/", {"role": "member"})
    else:
        sam.is_superuser = True
        sam.save()
        page = signed_in(sam).get(f"/admin/hostapp/user/{ben.pk}/change/")
        data = {key: value for key, value in page.context["adminform"].form.initial.items() if value}
        data |= {
            "date_joined_0": "2026-01-01",
            "date_joined_1": "00:00:00",
            "groups": [],
            "user_permissions": [],
        }
        data.pop("is_active")
        response = signed_in(sam).post(f"/admin/hostapp/user/{ben.pk}/change/", data)
        assert response.status_code == 302


@pytest.mark.parametrize("change", ["removed", "demoted", "deactivated"])
def test_portal_links_of_a_former_it_admin_are_revoked(
    change: str, acme: Enterprise, ada: User, ben: User, sam: User, workos_api: responses.RequestsMock
) -> None:
    Membership.objects.filter(user=ben).update(role=Role.IT_ADMIN)
    revocations = workos_api.post(f"{API}/portal/revoke_link", status=404, json={})
    now = timezone.now()

    end_it_admin_role(change, ada, ben, sam)

    # Revoked now, and again later for a link that was being minted. A 404 counts as success.
    run_due_tasks(now=timezone.now())
    assert revocations.call_count == 1
    assert Task.objects.get().due_at > now + timedelta(seconds=8)
    assert run_due_tasks(now=now + timedelta(minutes=1)) == {"completed": 1}
    assert revocations.call_count == 2
    assert f'"{ben.pk}"' in str(workos_api.calls[0].request.body)
    assert audit_actions(acme)[-1] == "portal_links_revoked"
    assert not Task.objects.exists()


def test_failed_link_revocation_is_shown_to_staff_with_its_error(
    acme: Enterprise, ada: User, ben: User, sam: User, workos_api: responses.RequestsMock
) -> None:
    Membership.objects.filter(user=ben).update(role=Role.IT_ADMIN)
    workos_api.post(f"{API}/portal/revoke_link", status=503)
    end_it_admin_role("removed", ada, ben, sam)

    run_due_tasks(now=timezone.now())

    page = signed_in(sam).get("/staff/enterprises/acme-inc/")
    assert "Revoke portal links" in page.text
    assert "WorkOS has a problem of its own" in page.text


def test_removal_of_a_plain_member_enqueues_no_link_revocation(
    acme: Enterprise, ada: User, ben: User
) -> None:
    signed_in(ada).post(f"{MEMBERS}{Membership.objects.get(user=ben).pk}/remove/")

    assert not Membership.objects.filter(user=ben).exists()
    assert not Task.objects.exclude(kind__in=[TaskKind.NOTIFY, TaskKind.SEND_TO_ADDRESS]).exists()


def test_audit_log_is_filtered_and_exported_with_formulas_escaped(acme: Enterprise, ada: User) -> None:
    at = timezone.now()
    ada.name = '=HYPERLINK("http://evil.example")'
    append_audit_entry(acme, Action.RENAMED, Actor.from_user(ada), at, outcome="+1")
    append_audit_entry(acme, Action.INVITED, WORKOS, at)
    client = signed_in(ada)

    page = client.get("/enterprises/acme-inc/history/?action=renamed&person=hyperlink")
    text = b"".join(client.get("/enterprises/acme-inc/history/export/?action=renamed")).decode()

    assert "Renamed" in page.text
    assert "WorkOS</td>" not in page.text
    assert "\"'=HYPERLINK" in text
    assert ",'+1," in text
    assert "Invited" not in text


def test_export_has_every_entry_once_and_keeps_no_cursor_open(acme: Enterprise, ada: User) -> None:
    # Many at one time: pages must neither repeat nor leave out one of them.
    at = timezone.now()
    actor = Actor.from_user(ada)
    append_audit_entries(
        build_audit_entry(acme, Action.RENAMED, actor, at - timedelta(seconds=n // 1500), outcome=f"name {n}")
        for n in range(4500)
    )
    with CaptureQueriesContext(connection) as queries:
        content = b"".join(signed_in(ada).get("/enterprises/acme-inc/history/export/?action=renamed"))

    names = [row.split(",")[3] for row in content.decode().splitlines()[1:]]
    assert sorted(names) == sorted(f"name {n}" for n in range(4500))
    assert not any("DECLARE" in query["sql"] for query in queries)


def test_empty_token_finds_no_invitation(acme: Enterprise) -> None:
    assert invitations.find_invitation("", now=timezone.now()) is None


def test_members_page_searches_filters_and_pages_with_a_bounded_number_of_queries(
    acme: Enterprise, ada: User, ben: User
) -> None:
    users = User.objects.bulk_create(
        User(email=f"p{number:03}@acme.example", name=f"Person {number:03}") for number in range(500)
    )
    Membership.objects.bulk_create(Membership(user=user, enterprise=acme, role=Role.MEMBER) for user in users)
    client = signed_in(ada)

    with CaptureQueriesContext(connection) as queries:
        first = client.get(MEMBERS)
    assert len(queries) < 20
    assert first.text.count('class="person"') == 50
    assert "Page 1 of 11" in first.text
    assert "Person 499" in client.get(MEMBERS, {"page": "11"}).text
    found = client.get(MEMBERS, {"search": "person 499"})
    assert (found.text.count('class="person"'), "Person 499" in found.text) == (1, True)
    admins = client.get(MEMBERS, {"role": "it_admin"})
    assert (admins.text.count('class="person"'), "Ada Adeyemi" in admins.text) == (1, True)
    assert "Nobody matches this filter" in client.get(MEMBERS, {"search": "zzz"}).text


def test_it_admins_see_when_members_signed_in_last(acme: Enterprise, ada: User, ben: User) -> None:
    User.objects.filter(pk=ben.pk).update(last_login=timezone.now())

    page = signed_in(ada).get(MEMBERS)
    assert "Last sign-in:" in page.text
    assert "Last sign-in:" not in signed_in(ben).get(MEMBERS).text


def test_role_confirmation_page_changes_no_role(acme: Enterprise, ada: User, ben: User, cleo: User) -> None:
    path = f"{MEMBERS}{Membership.objects.get(user=ben).pk}/role/"

    assert "Make Ben Brandt an IT admin?" in signed_in(ada).get(path).text
    assert signed_in(ben).get(path).status_code == 403
    assert signed_in(cleo).get(path).status_code == 404
    assert Membership.objects.get(user=ben).role == Role.MEMBER


def test_revoked_invitation_is_offered_once_to_be_sent_again(acme: Enterprise, ada: User) -> None:
    client = signed_in(ada)
    invite(ada)
    number = Invitation.objects.get().pk
    page = client.post(f"/enterprises/acme-inc/invitations/{number}/revoke/", follow=True)

    assert "The invitation for eve@acme.example was revoked" in page.text
    assert '<input type="hidden" name="email" value="eve@acme.example">' in page.text
    assert "was revoked" not in client.get(MEMBERS).text
    client.post(f"{MEMBERS}invite/", {"email": "eve@acme.example", "role": "it_admin"})
    assert Invitation.objects.get().email == "eve@acme.example"


def test_entries_of_a_portal_session_are_one_row_until_an_action_is_chosen(
    acme: Enterprise, ada: User
) -> None:
    at = timezone.now() - timedelta(hours=1)
    actor = Actor.from_user(ada)
    for number in range(60):
        begin = at + timedelta(seconds=number)
        for action, minutes in (
            (Action.PORTAL_OPENED, 0),
            (Action.PORTAL_RETURNED, 2),
            (Action.PORTAL_FINISHED, 3),
        ):
            append_audit_entry(
                acme,
                action,
                actor,
                begin + timedelta(minutes=minutes),
                target="Single sign-on",
                outcome="Opened" if action == Action.PORTAL_OPENED else "",
                session=f"session {number}",
            )
    client = signed_in(ada)

    first = client.get(ACTIVITY)
    second = client.get(_find_link(first.text, "Older"))
    folded = "Opened · returned after 2 minutes · finished after 3 minutes"
    assert (first.text.count(folded), second.text.count(folded)) == (50, 10)
    assert "Newer" not in first.text
    assert "Older" not in second.text
    assert client.get(_find_link(second.text, "Newer")).text.count(folded) == 50
    opened = client.get(f"{ACTIVITY}?action=portal_opened")
    assert folded not in opened.text
    assert "action=portal_opened&amp;before=" in opened.text
    export = b"".join(client.get("/enterprises/acme-inc/history/export/")).decode()
    assert export.startswith("\ufeffDate (UTC),Action,")
    assert len(export.splitlines()) == 181


def _find_link(html: str, text: str) -> str:
    found = re.search(rf'<a href="([^"]+)">{text}</a>', html)
    assert found
    return unescape(found[1])


def test_filter_and_pages_lead_to_the_list_also_after_an_error_in_the_form(
    acme: Enterprise, ada: User
) -> None:
    users = User.objects.bulk_create(User(email=f"p{number:03}@acme.example") for number in range(60))
    Membership.objects.bulk_create(Membership(user=user, enterprise=acme) for user in users)

    page = signed_in(ada).post(f"{MEMBERS}invite/", {"email": "no address", "role": "member"}).text

    assert f'method="get" action="{MEMBERS}"' in page
    assert f'href="{MEMBERS}?page=2"' in page


@pytest.mark.parametrize("page", ["remove/", "role/"])
def test_confirmation_says_that_sent_invitations_stop_working_as_they_do(
    acme: Enterprise, ada: User, ben: User, page: str
) -> None:
    Membership.objects.filter(user=ben).update(role=Role.IT_ADMIN)
    invite(ben)
    path = f"{MEMBERS}{Membership.objects.get(user=ben).pk}/{page}"

    assert "pending invitations will stop working" in signed_in(ada).get(path).text
    signed_in(ada).post(path, {"role": "member"})
    assert not Invitation.objects.exists()


def test_offer_to_send_an_invitation_again_is_shown_by_get_once(acme: Enterprise, ada: User) -> None:
    invite(ada)
    client = signed_in(ada)
    client.post(f"/enterprises/acme-inc/invitations/{Invitation.objects.get().pk}/revoke/")

    client.head(MEMBERS)

    assert ["was revoked" in client.get(MEMBERS).text for _ in range(2)] == [True, False]
