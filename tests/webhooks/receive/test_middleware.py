"""The middleware answers the receiver's own paths, and passes every other request on."""

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings

from tests.deliveries import payload, post, signed
from webhooks.models import WebhookEvent
from webhooks.receive.middleware import receive_webhooks_first

BODY = json.dumps(payload("connection.activated")).encode()


def test_receiver_has_the_url_name_webhooks_receive() -> None:
    assert reverse("webhooks:receive") == "/webhooks/workos"
    assert reverse("webhooks:receive", kwargs={"token": "x7Kq"}) == "/webhooks/workos/x7Kq"


@pytest.mark.parametrize(
    "path", ["/webhooks/", "/webhooks/other/", "/webhooks/workos/x/y/", "/webhooks/workos/%00", "/webhooks"]
)
def test_other_webhook_paths_are_passed_on(path: str) -> None:
    handle = receive_webhooks_first(lambda request: HttpResponse("the rest of the site"))

    assert handle(RequestFactory().post(path)).getvalue() == b"the rest of the site"


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("path", ["/webhooks/workos", "/webhooks/workos/", "/webhooks/workos/token/"])
def test_receiver_paths_are_not_passed_on(path: str, method: str, db: None) -> None:
    handle = receive_webhooks_first(lambda request: HttpResponse("the rest of the site"))

    response: Any = handle(getattr(RequestFactory(), method)(path))

    assert response.status_code in (400, 404, 405)
    assert response["Content-Length"] == str(len(response.content))


def test_other_webhook_path_gets_the_404_page_of_the_site(db: None) -> None:
    response = Client().post("/webhooks/other/")

    assert response.status_code == 404
    assert "text/html" in response["Content-Type"]
    assert response["X-Frame-Options"] == "DENY"


def test_receiver_works_without_the_middleware(db: None, settings: Settings) -> None:
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if not one.startswith("webhooks.")]

    response = post(BODY, signed(BODY), client=Client(enforce_csrf_checks=True))

    assert response.status_code == 200
    assert WebhookEvent.objects.count() == 1
