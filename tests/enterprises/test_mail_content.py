"""Every mail says what happened, who did it, when and from where, has one button, and says why it is sent."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import responses
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from audit.actor import COMMAND_LINE, Actor
from enterprises import invitations, memberships
from enterprises.mail import Mail, find_readable_ink, send_mail
from enterprises.models import Enterprise, Membership, Role
from hostapp.models import User
from outbox.models import Task
from outbox.runner import run_due_tasks
from portal.setup_links.sending import _build_mail
from tests.deliveries import deliver
from tests.factories import create_setup_link
from tests.hostapp.test_password_reset import request_reset
from webhooks.inbox import apply_waiting

pytestmark = pytest.mark.django_db

IP_ADDRESS = "203.0.113.7"


def act_as(user: User) -> Actor:
    return Actor.from_user(user, client_ip=IP_ADDRESS)


def run_all_tasks() -> list[EmailMultiAlternatives]:
    """Run the tasks that are due, and return the mails that they sent."""
    mail.outbox.clear()
    while run_due_tasks(now=timezone.now()):
        pass
    return [message for message in mail.outbox if isinstance(message, EmailMultiAlternatives)]


def html_of(message: EmailMultiAlternatives) -> str:
    (alternative,) = message.alternatives
    assert alternative[1] == "text/html"
    return str(alternative[0])


def apply_event(event: str, **data: Any) -> None:
    assert deliver(event, **data).status_code == 200
    apply_waiting(now=timezone.now())


def require_renewal(days: float) -> None:
    expires_at = timezone.now() + timedelta(days=days)
    apply_event(
        "connection.saml_certificate_renewal_required",
        created_at=timezone.now().isoformat(),
        certificate={"certificate_type": "ResponseSigning", "expiry_date": expires_at.isoformat()},
    )


def send_setup_link_mail(acme: Enterprise, ada: User) -> None:
    link = create_setup_link(acme, ada)
    send_mail(ada.email, _build_mail(link, act_as(ada), timezone.now(), is_sent=True))


Cause = Callable[[Enterprise, User, User], Any]

# What causes a mail, and words that must stand in its text and in its HTML.
MAILS: dict[str, tuple[Cause, list[str]]] = {
    "connection active": (
        lambda acme, ada, ben: apply_event("connection.activated"),
        ["Single sign-on of Acme Inc. is active", "People can now sign in with Okta."],
    ),
    "connection off": (
        lambda acme, ada, ben: apply_event("connection.deactivated"),
        [
            "Single sign-on of Acme Inc. was turned off",
            "Nobody can sign in with Okta until it's turned on again.",
        ],
    ),
    "directory removed": (
        lambda acme, ada, ben: apply_event("dsync.deleted"),
        ["Directory sync of Acme Inc. was removed", "Changes in your directory stop arriving."],
    ),
    "certificate": (
        lambda acme, ada, ben: require_renewal(8.5),
        ["The single sign-on certificate of Acme Inc. expires in 9 days", "Renew certificate"],
    ),
    "role": (
        lambda acme, ada, ben: memberships.change_role(
            Membership.objects.get(user=ben), Role.IT_ADMIN, act_as(ada), timezone.now()
        ),
        ["IT admin of Acme Inc.", "Done by", "Ada Adeyemi <ada@acme.example>", IP_ADDRESS],
    ),
    "removal": (
        lambda acme, ada, ben: memberships.remove_member(
            Membership.objects.get(user=ben), act_as(ada), timezone.now()
        ),
        ["Done by", "Ada Adeyemi <ada@acme.example>"],
    ),
    "set password": (
        lambda acme, ada, ben: memberships.add_it_admin(
            acme, "new@acme.example", COMMAND_LINE, timezone.now()
        ),
        ["now an IT admin of Acme Inc."],
    ),
    "invitation": (
        lambda acme, ada, ben: invitations.invite(
            acme, "eve@acme.example", Role.MEMBER, act_as(ada), timezone.now()
        ),
        ["Ada Adeyemi invited you to Acme Inc. as a member", "Valid until", "Accept invitation"],
    ),
    "password reset": (
        lambda acme, ada, ben: request_reset(ada.email, IP_ADDRESS),
        ["Someone asked to reset the password of ada@acme.example", IP_ADDRESS, "Set a new password"],
    ),
}


def unescape(html: str) -> str:
    for entity, character in (("&#x27;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        html = html.replace(entity, character)
    return html


def assert_complete(message: EmailMultiAlternatives) -> None:
    """The parts that every mail has."""
    text, html = str(message.body), html_of(message)
    assert re.fullmatch(r"[^\r\n]+ · (Acme Inc\.|Portal Host)", str(message.subject))
    assert "Portal Host" in text
    assert ">Portal Host</td>" in html
    assert "Why you receive this" in text
    assert "Why you receive this" in html
    (shown,) = re.findall(r"^(?:http\S+|support@\S+)$", str(text), re.MULTILINE)
    url = shown if shown.startswith("http") else f"mailto:{shown}"
    # The button, and the same address as text.
    assert html.count('class="button"') == 1
    assert html.count(f'href="{url}"') >= 1
    assert f">{shown}</span></p>" in html
    # No image, script, form or style from elsewhere: nothing tells anyone that the mail was opened.
    assert not re.search(r"<(img|script|link|form|iframe)|url\(|src=|background=", html)
    assert "prefers-color-scheme: dark" in html
    assert "#2b50c8" in html
    assert not re.search(r"\d\d:\d\d(?!, | UTC)", text.replace("http://localhost:8000", ""))
    assert message.extra_headers == {"Auto-Submitted": "auto-generated"}
    assert "List-Unsubscribe" not in str(message.message())


@pytest.mark.parametrize("name", MAILS)
def test_mail_is_complete_in_text_and_html(name: str, acme: Enterprise, ada: User, ben: User) -> None:
    cause, words = MAILS[name]
    cause(acme, ada, ben)
    messages = run_all_tasks()

    assert messages
    for message in messages:
        assert_complete(message)
    texts = "\n".join(str(message.body) for message in messages)
    htmls = unescape("\n".join(html_of(message) for message in messages))
    for word in words:
        assert word in texts
        assert word in htmls


def test_setup_link_mail_is_complete(acme: Enterprise, ada: User) -> None:
    send_setup_link_mail(acme, ada)
    (message,) = mail.outbox
    assert isinstance(message, EmailMultiAlternatives)

    assert_complete(message)
    assert message.subject == "Setup link sent to ines@provider.example · Acme Inc."
    for words in ("Sent to: ines@provider.example", "Valid until: ", f"IP address: {IP_ADDRESS}"):
        assert words in message.body


@pytest.mark.parametrize("name", MAILS)
def test_names_are_escaped_in_html_and_plain_in_text(
    name: str, acme: Enterprise, ada: User, ben: User
) -> None:
    Enterprise.objects.update(name="<b>Acme</b> & Co")
    User.objects.filter(pk=ada.pk).update(name="<img src=x>")
    User.objects.filter(pk=ben.pk).update(name="<i>Ben</i>")
    for row in (acme, ada, ben):
        row.refresh_from_db()

    MAILS[name][0](acme, ada, ben)

    for message in run_all_tasks():
        html = html_of(message)
        assert "<b>" not in html
        assert "<img" not in html
        assert "<i>" not in html
        assert "&lt;" not in message.body
        if "Reset" not in str(message.subject):
            assert "<b>Acme</b> & Co" in str(message.subject)
            assert "&lt;b&gt;Acme&lt;/b&gt; &amp; Co" in html


@pytest.mark.parametrize("part", ["subject", "heading", "button", "reason"])
def test_line_break_in_a_part_adds_no_header_and_no_line(part: str) -> None:
    evil = "Hello\r\nBcc: all@evil.example\n\nYour account is locked"
    parts: dict[str, Any] = {
        "subject": "Hello", "heading": "Hello", "button": "Open", "url": "http://localhost:8000/",
        "reason": "You asked.", part: evil,
    }  # fmt: skip
    send_mail("ada@acme.example", Mail(**parts, paragraphs=[evil], facts=[("Person", evil)]))

    (message,) = mail.outbox
    raw = message.message().as_string()
    assert not re.search(r"^Bcc:", raw, re.MULTILINE)
    assert message.recipients() == ["ada@acme.example"]
    assert not [
        line for line in message.body.splitlines() if line.startswith(("Bcc:", "Your account is locked"))
    ]


@pytest.mark.parametrize("name", MAILS)
def test_no_token_stands_in_tasks_and_logs(
    name: str, acme: Enterprise, ada: User, ben: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    tasks = []
    MAILS[name][0](acme, ada, ben)
    while True:
        tasks += [json.dumps(task.arguments) + task.key for task in Task.objects.all()]
        if not run_due_tasks(now=timezone.now(), limit=1):
            break

    tokens = [
        token
        for message in mail.outbox
        for token in re.findall(r"/(?:invitations|reset/[^/\s]+)/([^/\s]+)/", str(message.body))
    ]
    assert len(tokens) == (name in ("set password", "invitation", "password reset"))
    for token in tokens:
        assert token not in "".join(tasks)
        assert token not in caplog.text


@pytest.mark.parametrize(
    ("color", "ink"),
    [("#2b50c8", "#ffffff"), ("#ffffff", "#000000"), ("#000000", "#ffffff"), ("#ffcc00", "#000000")],
)
def test_text_of_the_button_is_readable_on_any_accent(color: str, ink: str) -> None:
    assert find_readable_ink(color) == ink


def test_product_and_colour_come_from_the_settings(ada: User, settings: Any) -> None:
    settings.PRODUCT_NAME, settings.PRODUCT_ACCENT = "Cloud & Co", "#ffcc00"
    request_reset(ada.email)

    (message,) = run_all_tasks()

    assert message.subject == "Reset your password · Cloud & Co"
    assert 'bgcolor="#ffcc00"' in html_of(message)
    assert "Cloud &amp; Co" in html_of(message)
    assert "Portal Host" not in message.body + html_of(message)


@pytest.mark.parametrize(
    ("event", "data", "words"),
    [
        ("connection.deactivated", {"connection_type": "AzureSAML"}, "sign in with Entra ID until"),
        ("connection.deactivated", {"connection_type": "NewKind"}, "sign in with single sign-on until"),
        ("connection.deleted", {}, "Nobody can sign in with Okta."),
    ],
)
def test_state_mail_names_the_identity_provider(
    ada: User, event: str, data: dict[str, str], words: str
) -> None:
    apply_event(event, **data)

    (message,) = run_all_tasks()

    assert words in message.body
    assert "directory" not in message.body.lower()


def test_setup_link_mail_is_sent_with_the_link(
    workos_api: responses.RequestsMock, acme: Enterprise, ada: User
) -> None:
    """The whole way is tested in tests/portal/test_setup_links.py; here, that it cannot be turned off."""
    link = create_setup_link(acme, ada)
    built = _build_mail(link, act_as(ada), timezone.now(), is_sent=False)

    assert built.is_optional is False
    assert built.subject.startswith("Setup link may have been sent to")
