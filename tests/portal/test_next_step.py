"""The overview is a checklist with one next step, in every combination of states."""

import re
from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from enterprises.models import Enterprise
from hostapp.models import User
from tests.conftest import signed_in
from tests.factories import (
    create_certificate,
    create_connection,
    create_directory,
    create_domain,
    create_portal_session,
)
from tests.portal.test_overview import PATH, text

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(days=9)
CONNECTION_STATES = ("", "draft", "validating", "active", "inactive", "deleting", "deleted")
DIRECTORY_STATES = ("", "validating", "active", "inactive", "invalid_credentials", "deleted")
DOMAIN_STATES = ("", "pending", "verified", "failed")


def buttons_of(html: str) -> list[tuple[str, bool]]:
    """The label of each button that launches the Admin Portal, and whether it is primary."""
    found = re.findall(r'<button id="open-[a-z_]+"( class="second")?[^>]*>([^<]*)</button>', html)
    return [(label, not second) for second, label in found]


def next_step(html: str) -> str | None:
    primary = [label for label, is_primary in buttons_of(html) if is_primary]
    assert len(primary) <= 1
    return primary[0] if primary else None


@pytest.fixture
def open_page(acme: Enterprise, ada: User) -> Callable[..., str]:
    def open_with(
        connection: str = "", directory: str = "", domain: str = "", *, is_due: bool = False
    ) -> str:
        as_of = timezone.now() - LONG_AGO
        if connection:
            create_connection(acme, state=connection, as_of=as_of)
        if directory:
            create_directory(acme, state=directory, directory_type="okta scim v2.0", as_of=as_of)
        if domain:
            create_domain(acme, state=domain, as_of=as_of)
        if is_due:
            create_certificate(acme, expires_at=timezone.now() + timedelta(days=14), as_of=as_of)
        return signed_in(ada).get(PATH).text

    return open_with


@pytest.mark.slow
@pytest.mark.parametrize(("connection", "directory"), product(CONNECTION_STATES, DIRECTORY_STATES))
def test_every_combination_has_at_most_one_primary_button_and_never_a_lock(
    open_page: Callable[..., str], connection: str, directory: str
) -> None:
    for domain, is_due in product(DOMAIN_STATES, (False, True)):
        savepoint = transaction.savepoint()
        html = open_page(connection, directory, domain, is_due=is_due)
        transaction.savepoint_rollback(savepoint)
        labels = [label for label, _ in buttons_of(html)]
        is_done = connection in ("active", "validating") and domain == "verified"
        is_complete = is_done and directory in ("active", "validating") and not is_due

        assert (next_step(html) is None) == is_complete, (domain, is_due)
        assert html.count(">Next step<") == (0 if is_complete else 1), (domain, is_due)
        assert "disabled" not in html, (domain, is_due)
        # All three steps can be opened, whatever the others are.
        renewals = is_due and connection in ("active", "validating", "inactive")
        assert len(labels) == 3 + renewals, (domain, is_due)
        if connection in ("", "deleted"):
            assert "Configure SSO" in labels, (domain, is_due)


@pytest.mark.parametrize(
    ("states", "is_due", "step"),
    [
        (("", "", ""), False, "Verify a domain"),
        (("", "", "pending"), False, "Verify a domain"),
        (("", "", "failed"), False, "Verify a domain"),
        (("active", "active", "pending"), False, "Verify a domain"),
        (("", "", "verified"), False, "Configure SSO"),
        (("deleted", "active", "verified"), False, "Configure SSO"),
        (("draft", "", "verified"), False, "Continue setup"),
        (("active", "", "verified"), False, "Configure directory sync"),
        (("active", "active", "verified"), False, None),
        (("active", "active", "verified"), True, "Renew certificate"),
        (("active", "", "pending"), True, "Renew certificate"),
        (("inactive", "", "pending"), True, "Turn on again"),
        (("inactive", "invalid_credentials", "failed"), True, "Turn on again"),
        (("active", "invalid_credentials", "pending"), False, "Update credentials"),
        (("active", "invalid_credentials", "verified"), True, "Renew certificate"),
    ],
)
def test_next_step_is_what_is_broken_and_then_the_first_that_is_missing(
    open_page: Callable[..., str], states: tuple[str, str, str], is_due: bool, step: str | None
) -> None:
    assert next_step(open_page(*states, is_due=is_due)) == step


def test_step_that_waits_for_dns_is_not_the_next_one(
    acme: Enterprise, ada: User, open_page: Callable[..., str]
) -> None:
    finished_at = timezone.now() - timedelta(hours=3)
    create_portal_session(
        acme,
        ada,
        intent="domain_verification",
        launched_at=finished_at - LONG_AGO / 99,
        finished_at=finished_at,
    )

    assert next_step(open_page(domain="pending")) == "Configure SSO"


def test_certificate_end_is_absent_until_an_event_told_it(
    acme: Enterprise, open_page: Callable[..., str]
) -> None:
    assert "Certificate valid until" not in open_page("active")

    create_certificate(acme, state="renewed", expires_at=timezone.now() + timedelta(days=700))
    assert "Certificate valid until" in open_page()


def test_first_end_of_several_certificates_is_shown(acme: Enterprise, open_page: Callable[..., str]) -> None:
    now = timezone.now()
    ends = [now + timedelta(days=700), now + timedelta(days=300)]
    for number, end in enumerate(ends):
        create_certificate(
            acme, key=f"conn_1/{number}", state="renewed", expires_at=end, as_of=now - LONG_AGO
        )

    assert f"Certificate valid until {ends[1]:%-d %B %Y}" in text(open_page("active"))


@pytest.mark.parametrize(
    ("offsets", "is_known"),
    [
        # (launch, return) in minutes before and after the connection became active
        ((-10, 1), True),
        ((-10, None), True),
        ((-10, -5), False),
        ((5, 10), False),
        ((-3000, None), False),
    ],
)
def test_connection_was_set_up_by_the_person_whose_session_was_open(
    acme: Enterprise,
    ada: User,
    open_page: Callable[..., str],
    offsets: tuple[int, int | None],
    is_known: bool,
) -> None:
    as_of = timezone.now() - LONG_AGO
    launch, returned = offsets
    create_portal_session(
        acme,
        ada,
        launched_at=as_of + timedelta(minutes=launch),
        finished_at=None if returned is None else as_of + timedelta(minutes=returned),
    )

    assert ("Set up by Ada Adeyemi, " in text(open_page("active"))) == is_known


def test_facts_name_verified_domains_id_and_last_change(
    acme: Enterprise, open_page: Callable[..., str]
) -> None:
    shown = text(open_page("active", domain="verified"))

    assert "Domains acme.example" in shown
    assert "Connection ID conn_1" in shown
    assert "Active since" in shown
    assert "Last change" not in shown


def test_facts_of_a_changed_and_checked_connection_say_when(
    acme: Enterprise, open_page: Callable[..., str]
) -> None:
    now = timezone.now()
    create_connection(acme, as_of=now - timedelta(days=1), state_since=now - LONG_AGO)
    acme.organization.reconciled_at = now  # type: ignore[union-attr]
    acme.organization.save()  # type: ignore[union-attr]
    shown = text(open_page())

    assert f"Last change {now - timedelta(days=1):%-d %B %Y}" in shown
    assert f"Last checked {now:%-d %B %Y}" in shown


def test_guides_are_those_of_the_provider_in_use(open_page: Callable[..., str]) -> None:
    before = open_page()
    after = open_page("active")

    assert "https://workos.com/docs/integrations/okta-saml" in before
    assert "https://workos.com/docs/integrations/entra-id-saml" in before
    assert "https://workos.com/docs/integrations/okta-saml" in after
    assert "https://workos.com/docs/integrations/entra-id-saml" not in after


def test_what_the_plan_does_not_include_is_no_step(
    acme: Enterprise, open_page: Callable[..., str], settings: Any
) -> None:
    Enterprise.objects.update(intents=["dsync"])
    html = open_page()
    steps = html.split('<ol class="steps">')[1].split("</ol>")[0]

    assert "Single sign-on" not in steps
    assert next_step(html) == "Configure directory sync"
    assert "Contact sales" in html


def test_what_left_the_plan_stays_visible_without_a_button(
    acme: Enterprise, open_page: Callable[..., str]
) -> None:
    Enterprise.objects.update(intents=["dsync"])
    html = open_page("active", domain="pending")
    steps, former = html.split("No longer in your plan")

    assert "Single sign-on</h2>" not in steps
    assert "Single sign-on</h3>" in former
    assert "open-sso" not in html
    assert "Your plan doesn’t include this." in former


def test_good_news_is_not_shown_where_something_needs_attention(
    acme: Enterprise, open_page: Callable[..., str]
) -> None:
    create_connection(acme)
    create_certificate(acme, expires_at=timezone.now() + timedelta(days=9))

    assert "Single sign-on is active." not in open_page()
