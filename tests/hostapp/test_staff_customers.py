"""Customers for staff: the list, the search by any reference, a customer's page, and who may do what."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.test import Client
from django.utils import timezone

import gateway
from audit.actor import Actor
from audit.models import AuditEntry
from enterprises import invitations
from enterprises.failures import record_failure
from enterprises.models import Enterprise, Failure, Invitation, Membership, Role
from enterprises.tasks import TaskKind
from hostapp.models import User
from outbox import queue
from outbox.models import Task
from outbox.runner import run_due_tasks
from tests.conftest import BIRCH_ORGANIZATION, signed_in
from tests.deliveries import deliver
from tests.factories import (
    create_certificate,
    create_connection,
    create_directory,
    create_directory_group,
    create_directory_user,
    create_domain,
    create_enterprise,
    create_portal_session,
    create_setup_link,
)
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db

LIST = "/staff/enterprises/"
PAGE = f"{LIST}acme-inc/"


def names(page: Any) -> list[str]:
    return [row.customer.name for row in page.context["page"].rows]


@pytest.fixture
def failing_task(acme: Enterprise) -> Task:
    queue.enqueue(TaskKind.PUSH_NAME, acme.external_id)
    Task.objects.update(error="WorkOS is down.", attempts=3, due_at=timezone.now() + timedelta(hours=1))
    return Task.objects.get()


@pytest.mark.parametrize(
    "search", ["acme", "INC", "acme-i", "requested.ex", "mirrored.ex", "ada@acme", "new@x.ex"]
)
def test_search_finds_a_customer_by_name_domain_and_email(
    search: str, acme: Enterprise, birch: Enterprise, ada: User, sam: User
) -> None:
    Enterprise.objects.filter(pk=acme.pk).update(requested_domains=["requested.example"])
    create_domain(acme, domain="mirrored.example")
    invitations.invite(acme, "new@x.example", Role.MEMBER, Actor.from_user(ada), timezone.now())

    assert names(signed_in(sam).get(LIST, {"q": search})) == ["Acme Inc."]


def test_search_by_reference_leads_to_the_customer_and_what_was_found(
    acme: Enterprise, birch: Enterprise, ada: User, sam: User
) -> None:
    create_connection(acme)
    create_directory(acme)
    create_domain(acme)
    session = create_portal_session(acme, ada)
    create_setup_link(acme, ada)
    deliver("connection.activated", event_id="event_1")
    error = gateway.Refused("No.", status=409, code="taken", request_id="req_7b6b")
    failure = record_failure(
        acme, Failure.Activity.PORTAL_LAUNCH, error, Actor.from_user(ada), timezone.now()
    )
    client = signed_in(sam)
    quoted: dict[str, str] = {
        str(acme.organization_id): "Organization",
        str(acme.external_id): "External ID",
        "conn_1": "Connection",
        "directory_1": "Directory",
        "org_domain_1": "Domain",
        str(session.nonce): "Launch of the Admin Portal",
        f" ({failure.reference.upper()}). ": "WorkOS answered 409",
        "req_7b6b": "WorkOS answered 409",
        "event_1": "connection.activated",
        "it_contact_1": "ines@provider.example",
    }

    for text, shown in quoted.items():
        response = client.get(LIST, {"q": text}, follow=True)
        assert response.redirect_chain[0][0].startswith(f"{PAGE}?found="), text
        notice = response.text.partition('id="found"')[2].partition("</p>")[0]
        assert shown in notice, text


def test_reference_of_another_customer_is_not_shown(acme: Enterprise, birch: Enterprise, sam: User) -> None:
    assert 'id="found"' not in signed_in(sam).get(PAGE, {"found": BIRCH_ORGANIZATION}).text


def test_event_without_a_customer_is_opened_itself(sam: User) -> None:
    deliver("connection.activated", event_id="event_1")

    assert signed_in(sam).get(LIST, {"q": "event_1"})["Location"] == "/staff/webhooks/events/event_1/"


@pytest.mark.parametrize("search", ["zzz", "%", "x" * 321, "5af8e2f8-0000-4000-8000-000000000000", "a@b"])
def test_search_without_a_match_says_so(search: str, acme: Enterprise, sam: User) -> None:
    response = signed_in(sam).get(LIST, {"q": search})

    assert response.status_code == 200
    assert "acme-inc" not in response.text or response.context["form"].errors


def test_filter_lists_only_customers_that_need_attention(
    acme: Enterprise, birch: Enterprise, ada: User, sam: User, failing_task: Task
) -> None:
    create_connection(acme, state="inactive")
    create_certificate(acme)
    create_directory(acme, state="invalid_credentials")
    create_domain(acme, state="failed")
    create_portal_session(acme, ada, outcome="refused")
    Enterprise.objects.filter(pk=birch.pk).update(attention="", organization=birch.organization)
    create_connection(birch, connection_id="conn_2")
    deliver("connection.activated", event_id="event_1")
    WebhookEvent.objects.update(status="failed")

    page = signed_in(sam).get(LIST, {"show": "attention"})

    (row,) = page.context["page"].rows
    assert [reason.name for reason in row.reasons] == [
        "sso", "certificate", "directory", "domain", "launch", "events", "tasks",
    ]  # fmt: skip
    for reason in row.reasons:
        assert str(reason.label).replace("’", "&#x27;") in page.text.replace("’", "&#x27;")


def test_connection_beside_an_active_one_and_launch_that_later_succeeded_need_no_attention(
    acme: Enterprise, ada: User, sam: User
) -> None:
    create_connection(acme, state="inactive")
    create_connection(acme, connection_id="conn_2")
    now = timezone.now()
    create_portal_session(acme, ada, outcome="refused", launched_at=now - timedelta(hours=2))
    create_portal_session(acme, ada, launched_at=now - timedelta(hours=1))

    assert names(signed_in(sam).get(LIST, {"show": "attention"})) == []


def test_refused_and_removed_customers_need_attention(acme: Enterprise, sam: User) -> None:
    Enterprise.objects.create(name="Cedar", slug="cedar", attention="A domain is taken.")
    assert acme.organization is not None
    acme.organization.deleted_at = timezone.now()
    acme.organization.save()

    assert names(signed_in(sam).get(LIST, {"show": "attention"})) == ["Acme Inc.", "Cedar"]


def test_list_has_pages_by_name_in_both_directions(sam: User) -> None:
    Enterprise.objects.bulk_create(
        [Enterprise(name=f"Same {number // 3:03}", slug=f"c-{number}") for number in range(120)]
    )
    client, seen = signed_in(sam), []
    page = client.get(LIST)
    while True:
        seen += [row.customer.pk for row in page.context["page"].rows]
        if not (after := page.context["page"].after):
            break
        page = client.get(LIST, {"after": after})
    assert seen == list(Enterprise.objects.order_by("name", "pk").values_list("pk", flat=True))
    back = client.get(LIST, {"before": page.context["page"].before}).context["page"]
    assert [row.customer.pk for row in back.rows] == seen[50:100]
    assert back.after == seen[99]


def test_list_takes_the_same_queries_for_one_customer_and_for_many(
    acme: Enterprise, sam: User, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    client = signed_in(sam)
    with django_assert_max_num_queries(12) as few:
        client.get(LIST)
    for number in range(30):
        other = create_enterprise(f"Customer {number}", f"c-{number}", f"org_{number}")
        create_connection(other, connection_id=f"conn_{number}")

    with django_assert_num_queries(len(few)):
        client.get(LIST)


def test_customer_page_shows_what_it_admins_see_without_their_buttons(
    acme: Enterprise, ada: User, sam: User, failing_task: Task
) -> None:
    create_connection(acme, name="Acme Okta")
    create_domain(acme)
    deliver("connection.activated", event_id="event_1")

    page = signed_in(sam).get(PAGE).text

    assert "Acme Okta" in page
    for shown in ("conn_1", "org_domain_1", str(acme.external_id), acme.organization_id or "", "event_1"):
        assert f'data-copy="{shown}"' in page or f"/events/{shown}/" in page, shown
    assert "Failed 3 times" in page
    assert 'action="/enterprises/' not in page
    assert "hx-get" not in page


def test_retry_now_asks_first_and_is_audited_once(acme: Enterprise, sam: User, failing_task: Task) -> None:
    client, path = signed_in(sam), f"{PAGE}tasks/{failing_task.pk}/retry/"

    assert "Retry now?" in client.get(path).text
    assert Task.objects.get().due_at > timezone.now()
    for _ in range(2):
        client.post(path)

    assert Task.objects.get().due_at <= timezone.now()
    (entry,) = AuditEntry.objects.filter(action="task_retried")
    assert (entry.actor, entry.outcome) == ("Sam Staff <sam@saas.example>", "Send the name to WorkOS")


def test_task_of_another_customer_is_not_retried(birch: Enterprise, sam: User, failing_task: Task) -> None:
    path = f"{LIST}birch-ltd/tasks/{failing_task.pk}/retry/"

    signed_in(sam).post(path)

    assert Task.objects.get().due_at > timezone.now()
    assert not AuditEntry.objects.exists()


def test_task_that_a_worker_runs_is_left_alone(acme: Enterprise, sam: User, failing_task: Task) -> None:
    Task.objects.update(claimed_until=timezone.now() + timedelta(minutes=5))

    signed_in(sam).post(f"{PAGE}tasks/{failing_task.pk}/retry/")

    assert Task.objects.get().due_at > timezone.now()
    assert not AuditEntry.objects.exists()


def test_staff_invite_a_person_who_joins_by_the_link(acme: Enterprise, sam: User) -> None:
    signed_in(sam).post(f"{PAGE}people/invite/", {"email": "new@acme.example", "role": "it_admin"})
    run_due_tasks(now=timezone.now())

    entry = AuditEntry.objects.get(action="invited")
    assert (entry.actor, entry.target) == ("Sam Staff <sam@saas.example>", "new@acme.example")
    found = re.search(r"/invitations/([^/]+)/", str(mail.outbox[-1].body))
    assert found
    assert "Join" in Client().get(f"/invitations/{found[1]}/", follow=True).text


def test_staff_resend_an_invitation(acme: Enterprise, ada: User, sam: User) -> None:
    invitation = invitations.invite(acme, "x@x.example", Role.MEMBER, Actor.from_user(ada), timezone.now())

    signed_in(sam).post(f"{PAGE}invitations/{invitation.pk}/resend/")

    assert AuditEntry.objects.get(action="invitation_resent").actor == "Sam Staff <sam@saas.example>"
    assert Invitation.objects.get().invited_by == sam


def test_invitations_end_when_their_sender_is_no_longer_staff(acme: Enterprise, sam: User) -> None:
    invitations.invite(acme, "x@x.example", Role.MEMBER, Actor.from_user(sam), timezone.now())

    sam.is_staff = False
    sam.save()

    assert not Invitation.objects.exists()
    assert AuditEntry.objects.filter(action="invitation_revoked").exists()


def test_nobody_is_invited_to_a_deprovisioned_customer(acme: Enterprise, sam: User) -> None:
    Enterprise.objects.update(deprovisioned_at=timezone.now())

    response = signed_in(sam).post(
        f"{PAGE}people/invite/", {"email": "x@x.example", "role": "member"}, follow=True
    )

    assert "is deprovisioned" in response.text
    assert not Invitation.objects.exists()


# Path below the customer's page, what is posted, and the permission that it needs.
ACTIONS = {
    "people/invite/": ({"email": "x@x.example", "role": "member"}, "add_invitation"),
    "invitations/{invitation}/resend/": ({}, "add_invitation"),
    "tasks/{task}/retry/": ({}, "change_task"),
    "settings/": ({"name": "Renamed", "domains": "", "intents": "sso"}, "change_enterprise"),
    "provision/": ({}, "change_enterprise"),
    "deprovision/": ({"typed": "acme-inc"}, "delete_enterprise"),
}


@pytest.mark.parametrize("path", ACTIONS)
@pytest.mark.parametrize("who", ["viewer", "with another right", "it admin", "it admin of another"])
def test_action_is_refused_without_its_right(
    path: str, who: str, acme: Enterprise, ada: User, cleo: User, vic: User, failing_task: Task
) -> None:
    data, codename = ACTIONS[path]
    invitation = invitations.invite(acme, "y@x.example", Role.MEMBER, Actor.from_user(ada), timezone.now())
    if who == "with another right":
        others = {needed for _, needed in ACTIONS.values()} - {codename}
        vic.user_permissions.add(*Permission.objects.filter(codename__in=others))
    user = {"it admin": ada, "it admin of another": cleo}.get(who, vic)
    # A permission alone makes nobody staff.
    ada.user_permissions.add(Permission.objects.get(codename=codename))
    before = _read_everything()

    response = signed_in(user).post(PAGE + path.format(invitation=invitation.pk, task=failing_task.pk), data)

    assert response.status_code == 403
    assert _read_everything() == before


def _read_everything() -> list[Any]:
    models = (Enterprise, Membership, Invitation, Task, AuditEntry)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def test_viewing_staff_see_every_page_and_no_button(
    acme: Enterprise, ada: User, vic: User, failing_task: Task
) -> None:
    invitations.invite(acme, "x@x.example", Role.MEMBER, Actor.from_user(ada), timezone.now())
    Task.objects.update(error="WorkOS is down.")
    client = signed_in(vic)

    for path in (
        LIST,
        PAGE,
        f"{PAGE}people/",
        f"{PAGE}activity/",
        f"{PAGE}settings/",
        "/enterprises/acme-inc/setup-links/",
    ):
        page = client.get(path)
        assert page.status_code == 200, path
        main = page.text.partition("<main")[2].partition("</main>")[0]
        posts = re.findall(r'<form [^>]*method="post"', main)
        # The form of the settings shows them, and has nothing to press.
        assert len(posts) == (path.endswith("settings/")), path
        assert not re.search(r"/(?:retry|invite|resend|provision-enterprise)/", main), path
    assert client.get("/staff/provision-enterprise/").status_code == 403
    assert client.get(f"{PAGE}tasks/{failing_task.pk}/retry/").status_code == 403
    assert client.post("/enterprises/acme-inc/setup-links/", {"email": "x@x.example"}).status_code == 403


@pytest.mark.parametrize(
    "path", [LIST, PAGE, f"{PAGE}people/", f"{PAGE}activity/", f"{PAGE}activity/export/", "/staff/webhooks/"]
)
def test_staff_without_any_right_see_nothing(path: str, acme: Enterprise, vic: User) -> None:
    vic.user_permissions.clear()

    response = signed_in(vic).get(path)

    assert response.status_code == 403
    assert "have the permission" in response.text


def test_bar_of_staff_links_to_what_they_may_view(acme: Enterprise, sam: User, vic: User, ada: User) -> None:
    bar = signed_in(sam).get(LIST).text.partition("</header>")[0]
    assert re.findall(r">(Customers|Webhooks|Admin)</a>", bar) == ["Customers", "Webhooks", "Admin"]
    assert "/staff/" not in signed_in(ada).get("/enterprises/acme-inc/").text


def test_activity_of_a_customer_is_filtered_and_exported(acme: Enterprise, ada: User, sam: User) -> None:
    invitations.invite(acme, "x@x.example", Role.MEMBER, Actor.from_user(ada), timezone.now())
    client = signed_in(sam)

    assert "x@x.example" in client.get(f"{PAGE}activity/", {"action": "invited"}).text
    assert "No activity matches" in client.get(f"{PAGE}activity/", {"action": "renamed"}).text
    export = client.get(f"{PAGE}activity/export/", {"action": "invited"})
    assert "x@x.example" in export.getvalue().decode()


@pytest.mark.parametrize(
    ("path", "tab", "heading"),
    [
        ("directory/", "Directory", "Directory"),
        ("directory/groups/", "Directory", "Directory"),
        ("directory/people/1/", "Directory", "Ada Byron"),
        ("directory/groups/1/", "Directory", "Engineers"),
        ("setup-links/", "Setup links", "Setup links"),
    ],
)
def test_pages_that_staff_share_with_it_admins_have_the_header_of_the_customer(
    acme: Enterprise, ada: User, sam: User, path: str, tab: str, heading: str
) -> None:
    directory = create_directory(acme)
    create_directory_user(directory, pk=1, name="Ada Byron")
    create_directory_group(directory, pk=1, name="Engineers")

    page = signed_in(sam).get(f"/enterprises/acme-inc/{path}").text

    assert '<a href="/staff/enterprises/">Customers</a>' in page
    assert "<h1>Acme Inc.</h1>" in page
    assert f"<h2>{heading}</h2>" in page
    assert f'href="{PAGE}">Overview</a>' in page
    assert re.search(rf'aria-current="(page|true)">{tab}</a>', page)
    assert "your identity provider" not in page
    own = signed_in(ada).get(f"/enterprises/acme-inc/{path}").text
    assert f"<h1>{heading}</h1>" in own
    assert "/staff/" not in own


def test_staff_see_tabs_only_of_what_they_may_view(acme: Enterprise, sam: User) -> None:
    sam.user_permissions.set(Permission.objects.filter(codename="view_setuplink"))

    page = signed_in(sam).get("/enterprises/acme-inc/setup-links/").text

    assert "<h1>Acme Inc.</h1>" in page
    assert "/staff/enterprises/" not in page
