"""The addresses that browsers, password managers and crawlers ask every site for."""

from typing import Any

import pytest
from django.test import Client

from hostapp.models import User
from tests.conftest import signed_in


def test_favicon_is_the_logo_of_the_settings(client: Client, settings: Any) -> None:
    settings.PRODUCT_LOGO = "acme/mark.svg"

    assert client.get("/favicon.ico")["Location"] == "/static/acme/mark.svg"


@pytest.mark.django_db
def test_icon_of_the_pages_is_served(client: Client) -> None:
    response = client.get("/favicon.ico", follow=True)

    assert (response.status_code, response["Content-Type"]) == (200, "image/svg+xml")
    # It is streamed from the open file.
    response.close()


def test_crawlers_are_kept_out_of_every_page(client: Client) -> None:
    response = client.get("/robots.txt")

    assert response["Content-Type"] == "text/plain"
    assert response.text.split() == ["User-agent:", "*", "Disallow:", "/"]


@pytest.mark.django_db
def test_password_manager_is_led_to_the_change_of_the_password(client: Client, ada: User) -> None:
    response = client.get("/.well-known/change-password")

    assert (response.status_code, response["Location"]) == (302, "/account/password_change/")
    assert signed_in(ada).get(response["Location"]).status_code == 200
