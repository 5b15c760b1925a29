"""The account settings, the account menu, and the time zone in which a person reads times."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from enterprises.models import Enterprise, Membership
from hostapp.models import Session, User
from hostapp.user_agents import describe_user_agent
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)


def sign_in_with(user: User, user_agent: str) -> Client:
    client = Client(headers={"user-agent": user_agent})
    client.post("/account/login/", {"username": user.email, "password": PASSWORD})
    return client


def is_signed_in(client: Client) -> bool:
    return bool(client.get("/account/").status_code == 200)


def test_account_page_lists_the_person_s_own_sessions_and_marks_this_one(ada: User, ben: User) -> None:
    client = sign_in_with(ada, FIREFOX)
    sign_in_with(ada, SAFARI)
    sign_in_with(ben, FIREFOX)

    page = client.get("/account/")

    listed = [(session.browser, session.is_current) for session in page.context["sessions"]]
    assert listed == [("Firefox on Windows", True), ("Safari on iPhone", False)]
    assert "IP address 127.0.0.1" in page.text
    for key in Session.objects.values_list("pk", flat=True):
        assert key not in page.text


def test_person_signs_out_one_other_session(ada: User) -> None:
    client, other, third = (sign_in_with(ada, agent) for agent in (FIREFOX, SAFARI, FIREFOX))
    (listed,) = [s for s in client.get("/account/").context["sessions"] if s.browser == "Safari on iPhone"]

    for _ in range(2):
        response = client.post(f"/account/sessions/{listed.id}/end/")
        assert response["Location"] == "/account/"

    assert [is_signed_in(each) for each in (client, other, third)] == [True, False, True]


def test_person_cannot_sign_out_another_person_s_session(ada: User, ben: User) -> None:
    client, of_ben = sign_in_with(ada, FIREFOX), sign_in_with(ben, FIREFOX)
    (listed,) = of_ben.get("/account/").context["sessions"]

    client.post(f"/account/sessions/{listed.id}/end/")

    assert is_signed_in(of_ben)


def test_sign_out_everywhere_asks_first_and_then_ends_every_session(ada: User, ben: User) -> None:
    client, other, of_ben = sign_in_with(ada, FIREFOX), sign_in_with(ada, SAFARI), sign_in_with(ben, FIREFOX)

    page = client.get("/account/sign_out_everywhere/")
    assert "Sign out everywhere?" in page.text
    assert is_signed_in(other)

    signed_out = client.post("/account/sign_out_everywhere/", follow=True)
    assert "signed out everywhere" in signed_out.text
    assert [is_signed_in(each) for each in (client, other, of_ben)] == [False, False, True]


def test_session_that_a_new_password_ended_is_not_listed(ada: User) -> None:
    client, other = sign_in_with(ada, FIREFOX), sign_in_with(ada, SAFARI)
    new = {"new_password1": "another good battery", "new_password2": "another good battery"}
    client.post("/account/password_change/", {"old_password": PASSWORD, **new})

    assert [s.is_current for s in client.get("/account/").context["sessions"]] == [True]
    assert not is_signed_in(other)


def test_sessions_end_with_the_account(dan: User, ada: User) -> None:
    sign_in_with(dan, FIREFOX)
    sign_in_with(ada, FIREFOX)

    dan.delete()

    assert [session.user for session in Session.objects.all()] == [ada]


def test_last_use_is_written_only_every_few_minutes(ada: User) -> None:
    client = sign_in_with(ada, FIREFOX)
    long_ago = timezone.now() - timedelta(hours=1)
    Session.objects.update(last_used_at=long_ago)

    client.get("/account/", headers={"user-agent": SAFARI})
    session = Session.objects.get()
    assert session.last_used_at > long_ago
    assert describe_user_agent(session.user_agent) == "Safari on iPhone"

    client.get("/account/")
    assert Session.objects.get().last_used_at == session.last_used_at


def test_person_changes_their_name_and_time_zone(ada: User) -> None:
    client = signed_in(ada)

    page = client.post("/account/", {"name": "Ada A.", "time_zone": "Europe/Berlin"}, follow=True)

    ada.refresh_from_db()
    assert (ada.name, ada.time_zone) == ("Ada A.", "Europe/Berlin")
    assert "Your settings have been saved." in page.text


@pytest.mark.parametrize("values", [{"name": ""}, {"name": "Ada", "time_zone": "Europe/Nowhere"}])
def test_invalid_settings_are_refused(ada: User, values: dict[str, str]) -> None:
    response = signed_in(ada).post("/account/", values)

    assert response.context["form"].errors
    assert User.objects.get(pk=ada.pk).name == "Ada Adeyemi"


def test_account_page_changes_no_email_and_no_rights(ada: User) -> None:
    signed_in(ada).post("/account/", {"name": "Ada", "email": "eve@evil.example", "is_staff": "on"})

    ada.refresh_from_db()
    assert (ada.email, ada.is_staff) == ("ada@acme.example", False)


def test_times_are_shown_in_the_chosen_time_zone_and_it_is_said_once(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(time_zone="Asia/Tokyo")
    client = signed_in(ada)
    Session.objects.update(signed_in_at=datetime(2026, 7, 1, 20, 30, tzinfo=UTC))

    page = client.get("/account/").text

    assert ">2 July 2026, 05:30</time>" in page
    assert 'title="1 July 2026, 20:30:00 UTC"' in page
    assert page.count("Times in Asia/Tokyo") == 1
    assert "data-local" not in page


def test_times_are_utc_until_the_browser_knows_better(ada: User) -> None:
    client = signed_in(ada)
    Session.objects.update(signed_in_at=datetime(2026, 7, 1, 20, 30, tzinfo=UTC))

    page = client.get("/account/").text

    assert 'data-local="minute">1 July 2026, 20:30 UTC</time>' in page
    assert "Times in <span data-time-zone>UTC</span>" in page


def test_unknown_time_zone_counts_as_none(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(time_zone="Mars/Olympus")

    assert "data-time-zone" in signed_in(ada).get("/account/").text


def test_menu_names_the_person_and_leads_to_their_enterprises(ada: User, birch: Enterprise) -> None:
    Membership.objects.create(user=ada, enterprise=birch, role=Membership.Role.MEMBER)

    page = signed_in(ada).get("/account/").text

    menu = page[page.index('<details class="menu">') : page.index("</details>")]
    for words in (
        "Ada Adeyemi",
        "ada@acme.example",
        "Acme Inc.",
        "Birch Ltd",
        "Account settings",
        "Sign out",
    ):
        assert words in menu


@pytest.mark.parametrize("header", ["", "curl/8.5", "\x7f", "A" * 9000])
def test_strange_browser_is_unknown(ada: User, header: str) -> None:
    assert "Unknown browser" in sign_in_with(ada, header).get("/account/").text
