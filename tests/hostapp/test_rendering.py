"""What replaces parts of Django to render pages faster renders and reads the same."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django import forms
from django.db import DataError, connection
from django.forms.renderers import DjangoTemplates

from enterprises.models import Enterprise, Membership
from enterprises.row_urls import row_urls
from hostapp.models import User
from tests.conftest import signed_in

_CHOICES: list[Any] = [
    ("", "All <b>"),
    ("Group & more", [("a", "A"), ('"b"', "B & C")]),
    (3, "Three"),
]


class _Unavailable(forms.Select):
    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if value == 3:
            option["attrs"] |= {"disabled": True, "hidden": False, "data-n": "<3>"}
        return option


class _Form(forms.Form):
    choice = forms.ChoiceField(choices=_CHOICES, widget=_Unavailable({"data-x": "<1>", "hidden": True}))
    text = forms.CharField(help_text="Help", widget=forms.TextInput({"placeholder": 'a "b"'}))
    email = forms.EmailField(widget=forms.EmailInput({"autocomplete": "off"}))
    secret = forms.CharField(widget=forms.HiddenInput)


@pytest.mark.parametrize("name", ["choice", "text", "email", "secret"])
@pytest.mark.parametrize("value", [None, "", "a", '"b"', "3", "<i>"])
def test_widget_renders_as_djangos_own_template(name: str, value: str | None) -> None:
    data = None if value is None else {name: value}
    ours, theirs = _Form(data), _Form(data, renderer=DjangoTemplates())

    # Django's puts an empty line after each option.
    assert str(ours[name]).split("\n") == [line for line in str(theirs[name]).split("\n") if line.strip()]


def test_form_shows_the_errors_of_the_form_and_of_its_fields() -> None:
    form = _Form({"choice": "a", "text": "x", "email": "no address", "secret": ""})
    form.add_error(None, "Not <now>.")

    html = form.as_div()

    assert '<ul class="errorlist nonfield"><li>Not &lt;now&gt;.</li><li>(Hidden field secret) This' in html
    assert '<ul class="errorlist" id="id_email_error"><li>Enter a valid email address.</li></ul>' in html


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-01 12:00:00.123456+00", datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)),
        ("2026-03-01 12:00:00.5+02", datetime(2026, 3, 1, 10, 0, 0, 500000, UTC)),
        ("0001-01-01 00:00:00+00", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31 23:59:59+00", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_time_is_read_in_utc(text: str, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        (read,) = cursor.fetchone()

    assert (read, read.tzinfo) == (at, UTC)


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["infinity", "10000-01-01 00:00:00+00", "0044-03-15 00:00:00+00 BC"])
def test_time_that_python_does_not_know_is_an_error(text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        with pytest.raises(DataError, match="timestamp too"):
            cursor.fetchone()


def test_url_of_a_row_keeps_a_slug_of_zero() -> None:
    assert row_urls("enterprises:change_role", "0")(17) == "/enterprises/0/members/17/role/"


def test_it_admin_may_leave_although_the_filter_hides_the_other_it_admin(
    acme: Enterprise, ada: User, dan: User
) -> None:
    Membership.objects.create(user=dan, enterprise=acme, role=Membership.Role.IT_ADMIN)

    page = signed_in(ada).get("/enterprises/acme-inc/members/?search=ada").text

    assert "Leave…" in page
    assert "You’re the only IT admin." not in page


def test_account_menu_marks_the_enterprise_of_the_page(
    acme: Enterprise, birch: Enterprise, ada: User
) -> None:
    Membership.objects.create(user=ada, enterprise=birch, role=Membership.Role.MEMBER)

    page = signed_in(ada).get("/enterprises/acme-inc/members/").text

    assert '<li><a href="/enterprises/acme-inc/" aria-current="true">Acme Inc.</a></li>' in page
    assert '<li><a href="/enterprises/birch-ltd/">Birch Ltd</a></li>' in page
