"""In a pseudo-language, every page shows words only inside of ⟦⟧: nothing is left unmarked for translation.

Add a page with one line in PAGES.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.template import loader
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from audit.actions import Action
from audit.actor import Actor
from audit.log import append_audit_entry
from enterprises import invitations, memberships
from enterprises.models import Enterprise, ITContact, ITContactPurpose, Membership
from enterprises.tasks import TaskKind
from hostapp.context_processors import product
from hostapp.models import User
from hostapp.password_notices import enqueue_password_notice
from mirror.models import Directory
from mirror.people_models import DirectoryCount, DirectoryMembership
from outbox import queue
from outbox.models import Task
from outbox.runner import run_due_tasks
from tests.conftest import (
    create_acme,
    create_ada,
    create_ben,
    create_birch,
    create_cleo,
    create_dan,
    create_sam,
    signed_in,
)
from tests.deliveries import deliver, post
from tests.factories import (
    create_connection,
    create_directory,
    create_directory_group,
    create_directory_user,
    create_domain,
)
from tests.pseudo_locale import CLOSE, OPEN, find_unmarked, outside_of_marks, speak_pseudo_language
from tests.shared_rows import keep_rows
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db

# What is no word of ours: names, addresses, ids, types of events, and what the tests' data is called.
_DATA = re.compile(
    r"""
    \S+@\S+ | https?://\S+ | \S*/\S*
    | \b[a-z_]+(?:\.[a-z_]+)+\b | \b\w+_\w+\b | \b[a-z0-9]+(?:-[a-z0-9]+)+\b
    | Acme\ Inc\. | Birch\ Ltd | (?:Ada|Ben|Cleo|Dan|Sam|Eve)(?:\ (?:Adeyemi|Brandt|Castro|Diaz|Staff|Engel))?
    | not\ a\ domain | Portal\ Host | WorkOS | UTC | English
    # Names of providers, and the role in an entry of the audit log.
    | (?:[A-Z]\w+\ )*(?:SAML|OIDC|SCIM|OpenID\ Connect) | Okta | Entra\ ID | Google(?:\ Workspace)? | Member
    """,
    re.VERBOSE,
)

# The primary key of a task. A sequence comes nowhere near it.
TASK = 900_000

# Name → who, path, and what is posted, if anything.
PAGES: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "home of several": ("eve", "/", None),
    "home of none": ("dan", "/", None),
    "home of staff": ("sam", "/", None),
    "sign-in": ("", "/account/login/", None),
    "sign-in, wrong": ("", "/account/login/", {"username": "ada@acme.example", "password": "wrong"}),
    "sign-in, as another": ("ada", "/account/login/", None),
    "password change": ("ada", "/account/password_change/", None),
    "password change, empty": ("ada", "/account/password_change/", {}),
    "password changed": ("ada", "/account/password_change/done/", None),
    "password reset": ("", "/account/password_reset/", None),
    "password reset, empty": ("", "/account/password_reset/", {}),
    "password reset sent": ("", "/account/password_reset/done/", None),
    "password reset, too late": ("", "/account/reset/MQ/no-token/", None),
    "password set": ("", "/account/reset/done/", None),
    "account": ("ada", "/account/", None),
    "account, invalid": ("ada", "/account/", {"name": ""}),
    "sign out everywhere": ("ada", "/account/sign_out_everywhere/", None),
    "overview": ("ada", "/enterprises/acme-inc/", None),
    "overview, member": ("ben", "/enterprises/acme-inc/", None),
    "overview, not set up": ("cleo", "/enterprises/birch-ltd/", None),
    "members": ("ada", "/enterprises/acme-inc/members/", None),
    "members, member": ("ben", "/enterprises/acme-inc/members/", None),
    "invite, empty": ("ada", "/enterprises/acme-inc/members/invite/", {}),
    "invite, invalid": ("ada", "/enterprises/acme-inc/members/invite/", {"email": "x", "role": "y"}),
    "directory": ("ada", "/enterprises/acme-inc/directory/", None),
    "directory, no match": ("ada", "/enterprises/acme-inc/directory/?search=zzz", None),
    "directory, deactivated": ("ada", "/enterprises/acme-inc/directory/?state=inactive", None),
    "directory, none": ("cleo", "/enterprises/birch-ltd/directory/", None),
    "directory, groups": ("ada", "/enterprises/acme-inc/directory/groups/", None),
    "directory, no group": ("ada", "/enterprises/acme-inc/directory/groups/?search=zzz", None),
    "directory, group": ("ada", "/enterprises/acme-inc/directory/groups/1/", None),
    "directory, group, nobody": ("ada", "/enterprises/acme-inc/directory/groups/1/?search=zzz", None),
    "directory, removed group": ("ada", "/enterprises/acme-inc/directory/groups/2/", None),
    "directory, person": ("ada", "/enterprises/acme-inc/directory/people/1/", None),
    "directory, person who left": ("ada", "/enterprises/acme-inc/directory/people/2/", None),
    "activity": ("ada", "/enterprises/acme-inc/history/", None),
    "activity, no match": ("ada", "/enterprises/acme-inc/history/?person=zzz", None),
    "activity, forbidden": ("ben", "/enterprises/acme-inc/history/", None),
    "setup links": ("ada", "/enterprises/acme-inc/setup-links/", None),
    "setup links, empty": ("ada", "/enterprises/acme-inc/setup-links/", {}),
    "staff list": ("sam", "/staff/enterprises/", None),
    "staff, provision": ("sam", "/staff/provision-enterprise/", None),
    "staff, provision, empty": ("sam", "/staff/provision-enterprise/", {"domains": "not a domain"}),
    "staff, enterprise": ("sam", "/staff/enterprises/acme-inc/", None),
    "staff list, search": ("sam", "/staff/enterprises/?q=zzz", None),
    "staff list, attention": ("sam", "/staff/enterprises/?show=attention", None),
    "staff, found": ("sam", "/staff/enterprises/?q=conn_01EHWNC0FCBHZ3BJ7EGKYXK0E6", None),
    "staff, people": ("sam", "/staff/enterprises/acme-inc/people/", None),
    "staff, people, invalid": ("sam", "/staff/enterprises/acme-inc/people/invite/", {"email": "x"}),
    "staff, activity": ("sam", "/staff/enterprises/acme-inc/activity/", None),
    "staff, retry": ("sam", f"/staff/enterprises/acme-inc/tasks/{TASK}/retry/", None),
    "staff, settings": ("sam", "/staff/enterprises/acme-inc/settings/", None),
    "staff, settings, empty": ("sam", "/staff/enterprises/acme-inc/settings/", {"name": ""}),
    "staff, deprovision, wrong": ("sam", "/staff/enterprises/acme-inc/deprovision/", {"typed": "x"}),
    "staff, forbidden": ("ada", "/staff/enterprises/", None),
    "staff, webhooks": ("sam", "/staff/webhooks/", None),
    "staff, webhooks, failed": ("sam", "/staff/webhooks/?state=failed", None),
    "staff, webhooks, no match": ("sam", "/staff/webhooks/?state=stale", None),
    "staff, webhooks, unknown event": ("sam", "/staff/webhooks/?event_id=event_0", None),
    "staff, webhooks, invalid filter": ("sam", "/staff/webhooks/?state=x&customer=y", None),
    "staff, event": ("sam", "/staff/webhooks/events/event_1/", None),
    "staff, replay an event": ("sam", "/staff/webhooks/replay/event_1/", None),
    "staff, replayed event": ("sam", "/staff/webhooks/replay/event_1/", {}),
    "staff, retry an event": ("sam", "/staff/webhooks/retry/event_1/", {}),
    "staff, retry events": ("sam", "/staff/webhooks/retry-failed/?state=failed&customer=acme-inc", None),
    "staff, retry no event": ("sam", "/staff/webhooks/retry-failed/?state=failed&kind=dsync.deleted", None),
    "staff, retried events": ("sam", "/staff/webhooks/retry-failed/", {"state": "failed"}),
    "not found": ("ada", "/no-such-page/", None),
    "admin, replay": ("sam", "/admin/webhooks/webhookevent/", {"action": "replay", "_selected_action": "1"}),
    "admin, retry": ("sam", "/admin/outbox/task/", {"action": "retry_now", "_selected_action": TASK}),
}  # fmt: skip


def create_people(directory: Directory) -> None:
    """One person who is here and one who left, of whom there is a newer row; and a group."""
    now = timezone.now()
    person = create_directory_user(directory, pk=1, idp_id="idp_1")
    left = create_directory_user(directory, pk=2, user_id="user_2", idp_id="idp_1", state="inactive")
    create_directory_user(directory, pk=3, user_id="user_3", idp_id="idp_3", state="inactive")
    group = create_directory_group(directory, pk=1, name="a_group")
    create_directory_group(directory, pk=2, group_id="group_2", name="a_group", state="deleted")
    for user in (person, left):
        DirectoryMembership.objects.create(user=user, group=group, is_member=True, as_of=now)
    DirectoryCount.objects.create(
        directory=directory, active_people=1, inactive_people=2, groups=1, changed_at=now
    )


def create_cast() -> None:
    """Acme with data on each of its pages. All stored text is a name or an id."""
    acme, birch = create_acme(), create_birch()
    ada, ben, sam = create_ada(acme), create_ben(acme), create_sam()
    create_cleo(birch)
    create_dan()
    now = timezone.now()
    User.objects.filter(pk=sam.pk).update(is_superuser=True)
    eve = User.objects.create_user("eve@acme.example", "correct horse battery", name="Eve Engel")
    for enterprise in (acme, birch):
        Membership.objects.create(user=eve, enterprise=enterprise, role=Membership.Role.IT_ADMIN)
    create_connection(acme)
    create_people(create_directory(acme, name="acme_scim"))
    create_domain(acme)
    invitations.invite(acme, "x@acme.example", Membership.Role.MEMBER, Actor.from_user(ada), now)
    for action in Action:
        append_audit_entry(acme, action, Actor.from_user(ada), now, target=ben)
    for purpose in ITContactPurpose:
        ITContact.objects.create(enterprise=acme, email=ben.email, purpose=purpose, contact_id="it_contact_1")
    queue.enqueue(TaskKind.PUSH_NAME, acme.external_id)
    Task.objects.update(error="an_error", attempts=3)
    Task.objects.filter(kind=TaskKind.PUSH_NAME).update(id=TASK)
    deliver("connection.activated", event_id="event_1")
    WebhookEvent.objects.update(id=1)
    deliver("connection.activated", event_id="event_2")
    WebhookEvent.objects.filter(event_id="event_2").update(status="failed", reason="an_error", due_at=None)
    # Refused, so that the reason is shown.
    post(b"{}", None)


@pytest.fixture(scope="module")
def cast(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with keep_rows(create_cast, django_db_blocker):
        yield


@pytest.mark.parametrize("name", sorted(PAGES))
def test_page_shows_no_unmarked_word(name: str, cast: None, monkeypatch: pytest.MonkeyPatch) -> None:
    who, path, posted = PAGES[name]
    client = signed_in(User.objects.get(email__startswith=f"{who}@")) if who else Client()
    speak_pseudo_language(monkeypatch)

    page = client.get(path, follow=True) if posted is None else client.post(path, posted, follow=True)

    assert re.search(f"<title>.+ · {settings.PRODUCT_NAME}</title>", page.text)
    # Around its content, the administration shows the names of all models, which stay English.
    html = "<main" + page.text.partition("<main")[2] if path.startswith("/admin/") else page.text
    assert find_unmarked(html, lambda text: _DATA.sub("", text)) == []


def test_mails_show_no_unmarked_word(cast: None, monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    acme, ada = Enterprise.objects.get(slug="acme-inc"), User.objects.get(email="ada@acme.example")
    speak_pseudo_language(monkeypatch)
    invitations.invite(
        acme, "new@acme.example", Membership.Role.IT_ADMIN, Actor.from_user(ada), timezone.now()
    )
    for email in (ada.email, "nobody@acme.example"):
        client.post("/account/password_reset/", {"email": email})
    enqueue_password_notice(ada, Actor.from_user(ada, client_ip="192.0.2.7"), timezone.now())
    memberships.add_it_admin(acme, "fay@acme.example", Actor.from_user(ada), timezone.now())
    member = Membership.objects.get(enterprise=acme, user__email="ben@acme.example")
    for role in (Membership.Role.IT_ADMIN, Membership.Role.MEMBER):
        memberships.change_role(member, role, Actor.from_user(ada), timezone.now())
    memberships.remove_member(member, Actor.from_user(ada), timezone.now())
    for event in ("connection.deactivated", "connection.saml_certificate_renewal_required"):
        deliver(event)
    run_due_tasks(now=timezone.now())

    assert mail.outbox
    for message in mail.outbox:
        for text in (str(message.subject), str(message.body)):
            assert not re.search(r"[^\W\d_]{2,}", _DATA.sub("", outside_of_marks(text))), text
        for html, _ in getattr(message, "alternatives", []):
            assert find_unmarked(str(html), lambda text: _DATA.sub("", text)) == []


@pytest.mark.parametrize("template", ["500.html", "503.html"])
def test_error_page_without_database_shows_no_unmarked_word(
    template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak_pseudo_language(monkeypatch)
    page = loader.get_template(template).render({**product(), "static_url": settings.STATIC_URL})

    assert find_unmarked(page, lambda text: _DATA.sub("", text)) == []


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<p>⟦Marked⟧ words</p>", ["words"]),
        ("<p>⟦Marked <b>words</b>, ⟦nested⟧, too⟧</p>", []),
        ('<p title="Words">⟦Marked⟧</p>', ["Words"]),
        ('<p title="⟦Words⟧" class="words">· 1.</p><script>let words</script><code>org_1</code>', []),
        ('<input type="submit" value="Words"><input value="typed">', ["Words"]),
    ],
)
def test_unmarked_word_is_found_in_html(html: str, found: list[str]) -> None:
    assert find_unmarked(html, lambda text: text) == found


def test_pseudo_language_marks_templates_forms_and_plurals(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.utils.translation import gettext, ngettext, npgettext, pgettext

    speak_pseudo_language(monkeypatch)

    assert gettext("One") == pgettext("number", "One") == f"{OPEN}One{CLOSE}"
    assert (
        ngettext("%d page", "%d pages", 2)
        == npgettext("x", "%d page", "%d pages", 2)
        == f"{OPEN}%d pages{CLOSE}"
    )
