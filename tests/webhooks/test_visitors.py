"""A slow WorkOS holds the visitors of the portal, and not the deliveries."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from enterprises.models import Enterprise
from hostapp.models import User
from portal.models import PortalSession
from sandbox.client import Sandbox
from tests.conftest import signed_in
from tests.deliveries import payload, signed
from tests.processes import until
from tests.webhooks.server import Server, request, serving, status
from webhooks.models import WebhookEvent

VISITORS, DELIVERIES = 24, 60


@pytest.mark.django_db(transaction=True)
def test_deliveries_go_on_while_24_visitors_wait_for_a_slow_workos(
    acme: Enterprise, ada: User, sandbox: Sandbox
) -> None:
    sandbox.fault("hang", times=VISITORS, path="/portal/*", seconds=30)
    cookie = signed_in(ada).cookies["sessionid"].value
    token = "t" * 32
    press = request(
        b"",
        f"Cookie: sessionid={cookie}; csrftoken={token}",
        f"X-CSRFToken: {token}",
        "Content-Type: application/x-www-form-urlencoded",
        path=f"/enterprises/{acme.slug}/portal/sso/",
    )

    def deliver(server: Server, number: int) -> float:
        body = json.dumps(payload("connection.activated", event_id=f"event_{number}")).encode()
        began = time.monotonic()
        assert status(server.send(request(body, f"WorkOS-Signature: {signed(body)}"))) == 200
        return time.monotonic() - began

    with serving(TEST_SANDBOX=sandbox.url) as server, ThreadPoolExecutor(VISITORS) as visitors:
        pressed = [visitors.submit(server.send, press) for _ in range(VISITORS)]
        until(lambda: PortalSession.objects.count() == VISITORS, seconds=20)
        took = sorted(deliver(server, number) for number in range(DELIVERIES))
        still_waiting = sum(not one.done() for one in pressed)
        answers = [status(one.result(timeout=40)) for one in pressed]

    assert still_waiting == VISITORS, "the visitors were held all the while"
    assert WebhookEvent.objects.count() == DELIVERIES
    assert took[int(DELIVERIES * 0.95)] < 1
    assert set(answers) <= {200, 302, 303, 502, 503}, "each visitor is told in the end"
