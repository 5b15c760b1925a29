"""The enterprise's page shows the mirrored state in words."""

import re
from typing import Any

import pytest
from django.utils import timezone

from enterprises.models import Enterprise
from hostapp.models import User
from mirror.registry import MIRRORED
from portal.page.wording import STATE_WORDINGS
from tests.conftest import signed_in
from tests.factories import create_connection, create_directory, create_domain, create_portal_session

pytestmark = pytest.mark.django_db

PATH = "/enterprises/acme-inc/"


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))


def test_it_admin_sees_both_configure_buttons(ada: User) -> None:
    page = signed_in(ada).get(PATH)

    assert "Configure SSO" in page.text
    assert "Configure directory sync" in page.text
    assert text(page.text).count("Not set up") == 3


@pytest.mark.parametrize(
    ("states", "sentence"),
    [
        ([], "Your company hasn’t set up single sign-on yet."),
        (["draft"], "Your company is setting up single sign-on."),
        (["active"], "Your company signs in with Okta."),
        (["inactive"], "Single sign-on is off. Nobody can sign in with Okta until it’s turned on again."),
        (["active", "inactive"], "Your company signs in with Okta."),
        (["deleted"], "Your company hasn’t set up single sign-on yet."),
    ],
)
def test_member_sees_one_line_and_whom_to_ask(
    acme: Enterprise, ben: User, ada: User, states: list[str], sentence: str
) -> None:
    for number, state in enumerate(states):
        create_connection(acme, connection_id=f"conn_{number}", state=state)
    page = signed_in(ben).get(PATH)
    main = text(page.text.split("<main")[1])

    assert f"Single sign-on {sentence} Questions? Ask your IT admins: Ada Adeyemi" in main
    assert "<button" not in page.text.split("<main")[1]
    assert "domain" not in main


def test_stranger_gets_a_404_for_the_page(cleo: User, dan: User, acme: Enterprise) -> None:
    for person in (cleo, dan):
        assert signed_in(person).get(PATH).status_code == 404
        assert signed_in(person).get(f"{PATH}status/").status_code == 404


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("active", "Active"),
        ("inactive", "Turned off"),
        ("validating", "Becomes active with the first sign-in"),
        ("draft", "In progress"),
        ("deleted", "Removed"),
    ],
)
def test_connection_state_is_shown_in_words(ada: User, acme: Enterprise, state: str, words: str) -> None:
    create_connection(acme, state=state)

    assert words in text(signed_in(ada).get(PATH).text)


@pytest.mark.parametrize("kind", MIRRORED)
def test_every_mirrored_state_has_its_words(kind: str) -> None:
    model = MIRRORED[kind].model

    assert STATE_WORDINGS[model].keys() == {state for state, _ in model._meta.get_field("state").flatchoices}


def test_another_enterprise_s_connection_is_not_shown(ada: User, acme: Enterprise, birch: Enterprise) -> None:
    create_connection(birch, state="active", name="Birch's own")

    page = signed_in(ada).get(PATH)

    assert "Birch" not in page.text
    assert text(page.text).count("Not set up") == 3


def test_directories_and_domains_are_shown(ada: User, acme: Enterprise) -> None:
    create_directory(acme, directory_type="okta scim v2.0")
    create_domain(acme, state="failed", reason="no_record")

    page = text(signed_in(ada).get(PATH).text)

    assert "Okta SCIM" in page
    assert "Verification failed" in page
    assert "no record" in page


def test_page_shows_waiting_after_a_return_until_the_change_arrives(ada: User, acme: Enterprise) -> None:
    now = timezone.now()
    create_portal_session(acme, ada, launched_at=now, finished_at=now)
    client = signed_in(ada)

    waiting = client.get(PATH)
    create_connection(acme, state="active", as_of=timezone.now())
    active = client.get(PATH)

    assert "Waiting for WorkOS" in waiting.text
    assert 'load delay:2s, every 60s"' in waiting.text
    assert "Waiting for WorkOS" not in active.text
    # Once more, when the notice has been shown for a minute.
    assert "load delay:60s" in active.text


def test_connection_name_is_escaped(ada: User, acme: Enterprise) -> None:
    create_connection(acme, state="active", name="<script>alert(1)</script>")

    assert "<script>alert" not in signed_in(ada).get(PATH).text


def test_page_without_an_organization_has_no_button_and_says_why(ada: User, acme: Enterprise) -> None:
    Enterprise.objects.update(organization=None)

    page = signed_in(ada).get(PATH)

    assert "Configure SSO" not in page.text
    assert "isn’t connected to WorkOS yet" in page.text


def test_page_query_count_is_bounded(ada: User, acme: Enterprise, django_assert_max_num_queries: Any) -> None:
    for number in range(50):
        create_connection(acme, state="active", connection_id=f"conn_{number}")
    client = signed_in(ada)

    with django_assert_max_num_queries(12):
        client.get(PATH)
