"""Every page in every state: `look` says what is checked on each.

The enterprise's page and the setup links have their own tests, which reach each state through the sandbox.
"""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.core import mail
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from playwright.sync_api import Page, expect

from audit.actions import Action
from audit.actor import Actor
from audit.log import append_audit_entry
from enterprises import invitations, lifecycle
from enterprises.models import Enterprise, Invitation, Membership
from enterprises.tasks import TaskKind
from hostapp.models import User
from mirror.models import Directory, Organization
from mirror.people_models import DirectoryCount, DirectoryMembership, DirectoryUser
from outbox import queue
from outbox.models import Task, WorkerHeartbeat
from outbox.runner import run_due_tasks
from tests.browser.app import check_page, sign_in
from tests.conftest import ACME_ORGANIZATION
from tests.deliveries import deliver, post, signed
from tests.enterprises.test_access import MATRIX
from tests.factories import create_directory, create_directory_group, create_directory_user
from webhooks.models import WebhookEvent

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG = "a.colleague.with.a.long.name@acme.example"
# URL names whose pages are checked in other tests.
TESTED_ELSEWHERE = {
    "portal:overview", "portal:status", "enterprises:activity_export", "robots",
    "staff:customer_activity_export",
    "enterprises:notification_preferences",
}  # fmt: skip


@pytest.fixture
def url(live_server: Any, settings: Any) -> str:
    settings.SITE_URL = live_server.url
    return str(live_server.url)


def create_people(directory: Directory) -> None:
    """More people than a page shows, of whom some have no name, a long one, or an earlier entry."""
    now = timezone.now()
    person = create_directory_user(directory, pk=1, idp_id="idp_1")
    create_directory_user(directory, pk=2, user_id="user_2", idp_id="idp_1", state="inactive")
    create_directory_user(directory, pk=3, user_id="user_3", name="A" * 90, email=LONG)
    create_directory_user(directory, pk=4, user_id="user_4", name="", name_key="", email=LONG)
    for number in range(5, 60):
        create_directory_user(directory, pk=number, user_id=f"user_{number}", name=f"Person {number}")
    for number in range(1, 9):
        group = create_directory_group(
            directory, pk=number, group_id=f"group_{number}", name=f"Group {number}"
        )
        DirectoryMembership.objects.create(user=person, group=group, is_member=True, as_of=now)
    # More members than a page shows.
    everyone = DirectoryUser.objects.exclude(pk=person.pk)
    DirectoryMembership.objects.bulk_create(
        DirectoryMembership(user=one, group_id=1, is_member=True, as_of=now) for one in everyone
    )
    DirectoryCount.objects.create(
        directory=directory, active_people=58, inactive_people=1, groups=8, changed_at=now
    )


@pytest.fixture
def cast(
    acme: Enterprise, birch: Enterprise, ada: User, ben: User, dan: User, sam: User, vic: User
) -> dict[str, User]:
    """Acme with data on each of its pages."""
    now = timezone.now()
    for email, days in ((LONG, 30), ("gone@acme.example", -1)):
        Invitation.objects.create(
            enterprise=acme, email=email, role="it_admin", token_hash=email, invited_by_name="Ada Adeyemi",
            invited_at=now, expires_at=now + timedelta(days=days),
        )  # fmt: skip
    actor = Actor.from_user(ada, client_ip="192.0.2.7")
    for action in Action:
        append_audit_entry(acme, action, actor, now, target=ben, outcome="An outcome.")
    queue.enqueue(TaskKind.PUSH_NAME, acme.external_id)
    Task.objects.update(error="WorkOS has a problem of its own.", attempts=3)
    create_people(create_directory(acme, name="Acme SCIM", listed_people=90))
    create_webhook_data()
    eve = User.objects.create_user("eve@acme.example", "correct horse battery", name="Eve Engel")
    for enterprise in (acme, birch):
        Membership.objects.create(user=eve, enterprise=enterprise, role=Membership.Role.IT_ADMIN)
    Membership.objects.create(user=sam, enterprise=birch, role=Membership.Role.MEMBER)
    return {"ada": ada, "ben": ben, "dan": dan, "sam": sam, "vic": vic, "eve": eve}


def create_webhook_data() -> None:
    """An event in each state, refusals and a worker."""
    now = timezone.now()
    for number, state in enumerate(("applied", "waiting", "ignored", "stale", "failed", "quarantined")):
        deliver("connection.activated" if number % 2 else "dsync.user.updated", event_id=f"event_{state}")
    events = WebhookEvent.objects.all()
    for status in ("applied", "ignored", "stale"):
        events.filter(event_id=f"event_{status}").update(
            status=status, due_at=None, applied_at=now, attempts=1
        )
    events.filter(event_id="event_ignored").update(reason="No handler is needed for it.")
    for name, reason in (
        ("failed", "KeyError: 'state'. " + "The handler could not read it. " * 8),
        (
            "quarantined",
            "Quarantined: 3 workers died while they applied it, the last ones with no other event.",
        ),
    ):
        events.filter(event_id=f"event_{name}").update(
            status="failed", due_at=None, attempts=8, reason=reason
        )
    post(b"{}", None)
    post(b"{}", signed(b"{}", secret="another"))
    WorkerHeartbeat.objects.create(host="worker-1.saas.example", pid=17, started_at=now, last_seen_at=now)


# Name → user, URL name, path, text by which the page is recognized.
PAGES: dict[str, tuple[str, str, str, str]] = {
    "home-of-several": ("eve", "home", "/", "IT admin"),
    "home-of-none": ("dan", "home", "/", "You’re not a member of an enterprise yet."),
    "home-of-staff": ("sam", "home", "/", "Administration"),
    "sign-in": ("", "login", "/account/login/", "Forgot your password?"),
    "sign-in-as-another": ("ada", "login", "/admin/", "which doesn’t have access"),
    "password-change": ("ada", "password_change", "/account/password_change/", "Change password"),
    "password-changed": ("ada", "password_change_done", "/account/password_change/done/", "Password changed"),
    "password-reset": ("", "password_reset", "/account/password_reset/", "Reset your password"),
    "password-reset-sent": ("", "password_reset_done", "/account/password_reset/done/", "Check your email"),
    "password-reset-too-late": ("", "password_reset_confirm", "/account/reset/MQ/no-token/", "already used"),
    "password-set": ("", "password_reset_complete", "/account/reset/done/", "Password set"),
    "account": ("ada", "account", "/account/", "Sign out everywhere"),
    "account-sign-out": ("ada", "sign_out_everywhere", "/account/sign_out_everywhere/", "everywhere"),
    "members": ("ada", "enterprises:members", "/enterprises/acme-inc/members/", "Invite a colleague"),
    "members-for-a-member": ("ben", "enterprises:members", "/enterprises/acme-inc/members/", "Roles"),
    "directory": ("ada", "enterprises:people", "/enterprises/acme-inc/directory/", "first sync"),
    "directory-of-none": ("eve", "enterprises:people", "/enterprises/birch-ltd/directory/", "No directory"),
    "groups": ("ada", "enterprises:groups", "/enterprises/acme-inc/directory/groups/", "Group 3"),
    "directory-deactivated": (
        "ada", "enterprises:people", "/enterprises/acme-inc/directory/?state=inactive", "Returned with a new",
    ),
    "directory-in-the-middle": (
        "ada", "enterprises:people", "/enterprises/acme-inc/directory/?after=0.3", "Previous",
    ),
    "group": (
        "ada", "enterprises:group", "/enterprises/acme-inc/directory/groups/1/", "People in this group",
    ),
    "group-for-staff": ("sam", "enterprises:group", "/enterprises/acme-inc/directory/groups/2/", "Group 2"),
    "directory-for-staff": ("sam", "enterprises:people", "/enterprises/acme-inc/directory/", "customer’s"),
    "setup-links-for-staff": (
        "sam", "portal:setup_links", "/enterprises/acme-inc/setup-links/", "the customer’s identity provider",
    ),
    "person": ("ada", "enterprises:person", "/enterprises/acme-inc/directory/people/1/", "Active since"),
    "activity": ("ada", "enterprises:activity", "/enterprises/acme-inc/history/", "An outcome."),
    "activity-with-no-match": (
        "ada", "enterprises:activity", "/enterprises/acme-inc/history/?person=zzz", "No activity matches",
    ),
    "activity-forbidden": (
        "sam", "enterprises:activity", "/enterprises/birch-ltd/history/", "Only IT admins of Birch Ltd",
    ),
    "activity-access-lost": (
        "ben", "enterprises:activity", "/enterprises/acme-inc/history/", "You’re no longer an IT admin",
    ),
    "invitation-too-late": ("", "enterprises:join", "/invitations/no-token/", "no longer valid"),
    "staff-list": ("sam", "staff:customers", "/staff/enterprises/", "Provision a customer"),
    "staff-list-attention": ("sam", "staff:customers", "/staff/enterprises/?show=attention", "tasks are"),
    "staff-list-with-no-match": ("sam", "staff:customers", "/staff/enterprises/?q=zzz", "Nothing found"),
    "staff-new": ("sam", "staff:provision", "/staff/provision-enterprise/", "safe to do this"),
    "staff-people": (
        "sam", "staff:customer_people", "/staff/enterprises/acme-inc/people/", "Invite a person",
    ),
    "staff-activity": (
        "sam", "staff:customer_activity", "/staff/enterprises/acme-inc/activity/", "An outcome.",
    ),
    "staff-settings": (
        "sam", "staff:customer_settings", "/staff/enterprises/acme-inc/settings/", "Deprovision",
    ),
    "staff-people-viewed": (
        "vic", "staff:customer_people", "/staff/enterprises/acme-inc/people/", "Members",
    ),
    "staff-enterprise": ("sam", "staff:customer", "/staff/enterprises/acme-inc/", "Failed 3 times"),
    "staff-webhooks": ("sam", "staff:webhooks", "/staff/webhooks/", "Refused deliveries"),
    "staff-webhooks-with-no-match": (
        "sam", "staff:webhooks", "/staff/webhooks/?kind=dsync.deleted", "No event matches this filter.",
    ),
    "staff-webhooks-invalid-filter": (
        "sam", "staff:webhooks", "/staff/webhooks/?customer=nobody", "No customer has this name or slug.",
    ),
    "staff-event": ("sam", "staff:event", "/staff/webhooks/events/event_failed/", "KeyError"),
    "not-found": ("ada", "", "/no-such-page/", "Page not found"),
    "failed": ("ada", "", "/broken/", "Something went wrong on our side"),
}  # fmt: skip


@pytest.mark.urls("tests.browser.urls")
@pytest.mark.parametrize("name", PAGES)
def test_page_shows_its_text_and_is_accessible(
    name: str, cast: dict[str, User], url: str, page: Page
) -> None:
    who, _, path, words = PAGES[name]
    if who:
        sign_in(page, url, cast[who])
    page.goto(url + path)

    expect(page.get_by_role("main")).to_contain_text(words)
    check_page(page, name)


def test_every_page_url_is_tested() -> None:
    shown = {name for name, (method, _, answers) in MATRIX.items() if method == "get" and 200 in answers}

    assert shown - TESTED_ELSEWHERE == {address for _, address, _, _ in PAGES.values() if address} - {
        # These answer 302 and 404 in the matrix, which has no token.
        "password_reset_confirm", "enterprises:join",
    }  # fmt: skip


@pytest.fixture
def token(acme: Enterprise, ada: User) -> str:
    """The token of an invitation mailed to new@acme.example."""
    invitations.invite(
        acme, "new@acme.example", Membership.Role.IT_ADMIN, Actor.from_user(ada), timezone.now()
    )
    run_due_tasks(now=timezone.now())
    found = re.search(r"/invitations/([^/]+)/", str(mail.outbox[-1].body))
    assert found
    return found[1]


def open_invitation(page: Page, url: str, token: str, words: str) -> None:
    page.goto(f"{url}/invitations/{token}/")
    expect(page.get_by_role("main")).to_contain_text(words)


def test_invitation_for_a_new_user_shows_form_errors(token: str, url: str, page: Page) -> None:
    open_invitation(page, url, token, "You will sign in with new@acme.example")
    check_page(page, "join-new")

    page.get_by_label("Your name").fill("Nora Nielsen")
    for label in ("Password", "Confirm password"):
        page.get_by_label(label, exact=True).fill("123")
    page.get_by_role("button", name="Join Acme Inc.").click()
    expect(page.get_by_role("main")).to_contain_text("too short")
    check_page(page, "join-new-error")


def test_invitation_for_an_existing_user_asks_to_sign_in_first(token: str, url: str, page: Page) -> None:
    account = User.objects.create_user("new@acme.example", "correct horse battery")
    open_invitation(page, url, token, "Sign in")
    check_page(page, "join-sign-in")

    sign_in(page, url, account)
    open_invitation(page, url, token, "invited you to join Acme Inc. as an IT admin")
    check_page(page, "join")


def test_invitation_for_another_user_names_the_invited_address(
    token: str, ada: User, url: str, page: Page
) -> None:
    sign_in(page, url, ada)
    open_invitation(page, url, token, "new@acme.example")
    check_page(page, "join-other")


def test_invitation_for_an_inactive_user_says_so(token: str, url: str, page: Page) -> None:
    User.objects.create_user("new@acme.example", "correct horse battery", is_active=False)
    open_invitation(page, url, token, "is deactivated")
    check_page(page, "join-inactive")


def test_wrong_password_shows_an_error(ada: User, url: str, page: Page) -> None:
    page.goto(f"{url}/account/login/")
    page.get_by_label("Email").fill("ada@acme.example")
    page.get_by_label("Password").fill("not it")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("main")).to_contain_text("Email or password is incorrect.")
    check_page(page, "sign-in-wrong")


def test_password_reset_link_opens_the_form_and_shows_errors(ada: User, url: str, page: Page) -> None:
    uid, token = urlsafe_base64_encode(force_bytes(ada.pk)), default_token_generator.make_token(ada)
    page.goto(f"{url}/account/reset/{uid}/{token}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Set a password")
    check_page(page, "password-reset-confirm")

    page.get_by_label("New password", exact=True).fill("123")
    page.get_by_label("Confirm new password").fill("124")
    page.get_by_role("button", name="Set password").click()
    expect(page.get_by_role("main")).to_contain_text("don’t match")
    check_page(page, "password-reset-confirm-error")


def test_form_without_its_csrf_cookie_is_explained(ada: User, url: str, page: Page) -> None:
    page.goto(f"{url}/account/login/")
    page.context.clear_cookies()
    page.get_by_label("Email").fill("ada@acme.example")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Your session has expired")
    check_page(page, "open-too-long")


def test_inviting_an_existing_member_shows_an_error(cast: dict[str, User], url: str, page: Page) -> None:
    sign_in(page, url, cast["ada"])
    page.goto(f"{url}/enterprises/acme-inc/members/")
    page.get_by_role("region", name="Invite a colleague").get_by_label("Email").fill("ben@acme.example")
    page.get_by_role("radio", name=re.compile("^Member")).check()
    page.get_by_role("button", name="Send invitation").click()

    expect(page.get_by_role("main")).to_contain_text("is already a member")
    check_page(page, "members-invite-error")


def test_removing_a_member_asks_for_confirmation(ada: User, ben: User, url: str, page: Page) -> None:
    sign_in(page, url, ada)
    page.goto(f"{url}/enterprises/acme-inc/members/")
    page.get_by_role("link", name="Remove… ben@acme.example").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Remove Ben Brandt?")
    check_page(page, "members-remove")
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("region", name="People")).to_contain_text("Ben Brandt")

    page.get_by_role("link", name="Remove… ben@acme.example").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("status")).to_contain_text("Ben Brandt was removed.")
    expect(page.get_by_role("region", name="People")).not_to_contain_text("Ben Brandt")


def test_last_it_admin_cannot_be_removed(ada: User, ben: User, url: str, page: Page) -> None:
    sign_in(page, url, ada)
    page.goto(f"{url}/enterprises/acme-inc/members/")
    leave = page.get_by_role("button", name="Leave…")
    expect(leave).to_be_disabled()
    expect(leave).to_have_accessible_description(
        "You’re the only IT admin. Make someone else an IT admin first."
    )
    check_page(page, "members-last-it-admin")
    # The page that asks for confirmation may still be open from before.
    page.goto(f"{url}/enterprises/acme-inc/members/{Membership.objects.get(user=ada).pk}/remove/")
    expect(page.get_by_role("main")).to_contain_text("You’re the only IT admin")
    check_page(page, "members-leave-as-last-it-admin")


def test_granting_the_it_admin_role_asks_for_confirmation(ada: User, ben: User, url: str, page: Page) -> None:
    sign_in(page, url, ada)
    page.goto(f"{url}/enterprises/acme-inc/members/")
    page.get_by_role("link", name="Make an IT admin ben@acme.example").click()
    expect(page.get_by_role("main")).to_contain_text("will be able to change how everyone")
    check_page(page, "members-make-it-admin")
    page.get_by_role("button", name="Make an IT admin").click()

    expect(page.get_by_role("status")).to_contain_text("Ben Brandt is now an IT admin.")


def test_revoked_invitation_can_be_sent_again(cast: dict[str, User], url: str, page: Page) -> None:
    sign_in(page, url, cast["ada"])
    page.goto(f"{url}/enterprises/acme-inc/members/")
    page.get_by_role("button", name=f"Revoke {LONG}").click()
    expect(page.get_by_role("status")).to_contain_text("was revoked")
    check_page(page, "members-invitation-revoked")
    page.reload()

    expect(page.get_by_role("status")).to_have_count(0)


def test_staff_list_without_enterprises_says_so(sam: User, url: str, page: Page) -> None:
    sign_in(page, url, sam)
    page.goto(f"{url}/staff/enterprises/")
    expect(page.get_by_role("main")).to_contain_text("No customers yet")
    check_page(page, "staff-list-empty")


def test_provisioning_form_rejects_an_invalid_domain(sam: User, url: str, page: Page) -> None:
    sign_in(page, url, sam)
    page.goto(f"{url}/staff/provision-enterprise/")
    page.get_by_label("Name").fill("Acme Inc.")
    page.get_by_label("Domains").fill("not a domain")
    page.get_by_role("button", name="Provision").click()
    expect(page.locator("[aria-invalid=true]")).to_have_count(1)
    check_page(page, "staff-new-error")


@pytest.mark.parametrize("state", ["pending", "attention", "deprovisioned", "removed"])
def test_staff_pages_of_an_enterprise_that_is_not_ready_are_accessible(
    state: str, acme: Enterprise, ada: User, sam: User, url: str, page: Page
) -> None:
    if state == "deprovisioned":
        lifecycle.deprovision(acme, Actor.from_user(sam), timezone.now())
    elif state == "removed":
        Organization.objects.update(deleted_at=timezone.now())
    else:
        attention = "One of the domains belongs to another organization in WorkOS."
        Enterprise.objects.update(organization_id=None, attention=attention if state == "attention" else "")
    sign_in(page, url, sam)
    page.goto(f"{url}/staff/enterprises/acme-inc/")
    check_page(page, f"staff-enterprise-{state}")
    page.goto(f"{url}/staff/enterprises/")
    check_page(page, f"staff-list-{state}")


def test_staff_find_a_customer_by_a_quoted_id_and_retry_its_task(
    cast: dict[str, User], url: str, page: Page
) -> None:
    sign_in(page, url, cast["sam"])
    page.goto(url)
    page.get_by_role("link", name="Customers", exact=True).click()
    page.get_by_label("Search").fill(ACME_ORGANIZATION)
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Acme Inc.")
    expect(page.locator("#found")).to_contain_text("Organization")
    check_page(page, "staff-customer-found")
    Task.objects.update(due_at=timezone.now() + timedelta(hours=1))
    page.get_by_role("link", name=re.compile("^Retry now")).click()
    check_page(page, "staff-retry")
    page.get_by_role("button", name="Retry now").click()

    expect(page.get_by_role("status")).to_contain_text("a worker runs it now")
    page.get_by_role("link", name="Activity", exact=True).click()
    expect(page.get_by_role("table")).to_contain_text("Task retried")
