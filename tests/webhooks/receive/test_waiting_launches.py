"""A slow WorkOS delays portal launches, but not webhook deliveries."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from enterprises.models import Membership
from hostapp.models import User
from portal.models import PortalSession
from sandbox.client import Sandbox
from tests.conftest import signed_in
from tests.deliveries import payload, signed
from tests.factories import create_enterprise
from tests.processes import wait_until
from tests.webhooks.receive.server import Server, request, serving, status
from webhooks.models import WebhookEvent

VISITORS, DELIVERIES, CROWD = 24, 60, 48


def create_it_admin(number: int) -> Membership:
    enterprise = create_enterprise(f"Visitor {number}", f"visitor-{number}", f"org_visitor_{number}")
    user = User.objects.create_user(f"it@visitor-{number}.example", "correct horse battery")
    return Membership.objects.create(user=user, enterprise=enterprise, role=Membership.Role.IT_ADMIN)


def launch_request(membership: Membership) -> bytes:
    cookie = signed_in(membership.user).cookies["sessionid"].value
    token = "t" * 32
    return request(
        b"",
        f"Cookie: sessionid={cookie}; csrftoken={token}",
        f"X-CSRFToken: {token}",
        "Content-Type: application/x-www-form-urlencoded",
        path=f"/enterprises/{membership.enterprise.slug}/portal/sso/",
    )


@pytest.mark.django_db(transaction=True)
def test_launches_over_the_limit_are_turned_away_and_deliveries_are_accepted(sandbox: Sandbox) -> None:
    sandbox.fault("hang", times=None, path="/portal/*", seconds=30)
    launches = [launch_request(create_it_admin(number)) for number in range(CROWD)]

    one = {"TEST_SANDBOX": sandbox.url, "WEB_CONCURRENCY": "1", "WORKOS_TIMEOUT": "14"}
    with serving(**one) as server, ThreadPoolExecutor(CROWD) as visitors:
        futures = [visitors.submit(server.send, launch) for launch in launches]
        turned_away = PortalSession.objects.filter(outcome="unavailable")
        wait_until(lambda: turned_away.count() == CROWD - 30, seconds=12)
        body = json.dumps(payload("connection.activated", event_id="event_1")).encode()
        assert status(server.send(request(body, f"WorkOS-Signature: {signed(body)}"))) == 200
        waiting = PortalSession.objects.filter(outcome="requested").count()
        answers = {status(launch.result(timeout=40)) for launch in futures}

    assert waiting == 30
    assert answers == {302}


@pytest.mark.django_db(transaction=True)
def test_deliveries_are_accepted_while_24_launches_wait_for_workos(sandbox: Sandbox) -> None:
    sandbox.fault("hang", times=VISITORS, path="/portal/*", seconds=30)
    # One launch per user: a second one would join the same portal session, and launches are rate-limited.
    launches = [launch_request(create_it_admin(number)) for number in range(VISITORS)]

    def deliver(server: Server, number: int) -> None:
        body = json.dumps(payload("connection.activated", event_id=f"event_{number}")).encode()
        assert status(server.send(request(body, f"WorkOS-Signature: {signed(body)}"))) == 200

    with serving(TEST_SANDBOX=sandbox.url) as server, ThreadPoolExecutor(VISITORS) as visitors:
        futures = [visitors.submit(server.send, launch) for launch in launches]
        wait_until(lambda: PortalSession.objects.count() == VISITORS, seconds=20)
        for number in range(DELIVERIES):
            deliver(server, number)
        still_waiting = sum(not one.done() for one in futures)
        answers = [status(one.result(timeout=40)) for one in futures]

    assert still_waiting == VISITORS, "the launches must wait during all deliveries"
    assert WebhookEvent.objects.count() == DELIVERIES
    assert set(answers) <= {200, 302, 303, 502, 503}, "each launch must get a response"
