"""Access to every URL of the project, checked as every kind of user."""

import ipaddress
import uuid
from collections.abc import Iterator
from copy import copy
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
import responses
from django.test import Client, RequestFactory
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from audit.actor import get_client_ip
from enterprises.models import Enterprise, Invitation, Membership
from hostapp.models import User
from portal.models import SetupLink
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
from tests.deliveries import deliver
from tests.factories import create_directory, create_directory_group, create_directory_user
from tests.gateway.test_gateway import API
from tests.shared_rows import keep_rows

pytestmark = pytest.mark.django_db

USER_KINDS = ("anonymous", "stranger", "member", "it_admin", "staff", "it_admin_of_birch")

# Status codes in the order of USER_KINDS. 302 redirects to sign-in, or to a page after an action.
PUBLIC = (200,) * 6
SIGNED_IN = (302, 200, 200, 200, 200, 200)
MEMBERS = (302, 404, 200, 200, 404, 404)
IT_ADMINS = (302, 404, 403, 200, 404, 404)
IT_ADMINS_AND_STAFF = (302, 404, 403, 200, 200, 404)
IT_ADMINS_DO = (302, 404, 403, 302, 404, 404)
STAFF = (302, 403, 403, 403, 200, 403)
STAFF_DO = (302, 403, 403, 403, 302, 403)

ACME: dict[str, object] = {"slug": "acme-inc"}
EVENT: dict[str, object] = {"event_id": "event_1"}

# URL name → method, URL arguments, expected status codes in the order of USER_KINDS.
MATRIX: dict[str, tuple[str, dict[str, object], tuple[int, ...]]] = {
    "home": ("get", {}, (302, 200, 302, 302, 302, 302)),
    "login": ("get", {}, PUBLIC),
    "administration_login": ("get", {}, (302,) * 6),
    "logout": ("post", {}, (302,) * 6),
    "account": ("get", {}, SIGNED_IN),
    "end_session": ("post", {"session_id": "unknown"}, (302,) * 6),
    "sign_out_everywhere": ("get", {}, SIGNED_IN),
    "password_change": ("get", {}, SIGNED_IN),
    "password_change_done": ("get", {}, SIGNED_IN),
    "password_reset": ("get", {}, PUBLIC),
    "password_reset_done": ("get", {}, PUBLIC),
    "password_reset_confirm": ("get", {"uidb64": "MQ", "token": "no-token"}, (302,) * 6),
    "password_reset_complete": ("get", {}, PUBLIC),
    "portal:overview": ("get", ACME, MEMBERS),
    "portal:status": ("get", ACME, IT_ADMINS),
    "portal:launch": ("post", ACME | {"intent": "sso"}, (302, 404, 403, 303, 404, 404)),
    "portal:returned": ("get", ACME | {"nonce": uuid.UUID(int=1)}, (302, 404, 302, 302, 404, 404)),
    "portal:finished": ("get", ACME | {"nonce": uuid.UUID(int=1)}, (302, 404, 302, 302, 404, 404)),
    "portal:check_now": ("post", ACME, IT_ADMINS_DO),
    "portal:setup_links": ("get", ACME, IT_ADMINS_AND_STAFF),
    "portal:setup_link_resend": ("post", ACME | {"pk": 1}, (302, 404, 403, 302, 302, 404)),
    "portal:setup_link_revoke": ("post", ACME | {"pk": 1}, (302, 404, 403, 302, 302, 404)),
    "enterprises:members": ("get", ACME, MEMBERS),
    "enterprises:invite": ("post", ACME, IT_ADMINS),
    "enterprises:resend_invitation": ("post", ACME | {"number": 1}, IT_ADMINS_DO),
    "enterprises:revoke_invitation": ("post", ACME | {"number": 1}, IT_ADMINS_DO),
    "enterprises:change_role": ("post", ACME | {"number": 1, "role": "it_admin"}, IT_ADMINS_DO),
    "enterprises:remove_member": ("post", ACME | {"number": 1}, IT_ADMINS_DO),
    "enterprises:people": ("get", ACME, IT_ADMINS_AND_STAFF),
    "enterprises:groups": ("get", ACME, IT_ADMINS_AND_STAFF),
    "enterprises:person": ("get", ACME | {"number": 1}, IT_ADMINS_AND_STAFF),
    "enterprises:group": ("get", ACME | {"number": 1}, IT_ADMINS_AND_STAFF),
    "enterprises:activity": ("get", ACME, IT_ADMINS),
    "enterprises:activity_export": ("get", ACME, IT_ADMINS),
    "enterprises:notification_preferences": ("get", {}, SIGNED_IN),
    "enterprises:join": ("get", {}, (404,) * 6),
    "enterprises:invitation": ("get", {"token": "no-token"}, (302,) * 6),
    "staff:customers": ("get", {}, STAFF),
    "staff:provision": ("get", {}, STAFF),
    "staff:customer": ("get", ACME, STAFF),
    "staff:customer_activity": ("get", ACME, STAFF),
    "staff:customer_activity_export": ("get", ACME, STAFF),
    "staff:customer_people": ("get", ACME, STAFF),
    "staff:customer_settings": ("get", ACME, STAFF),
    "staff:invite": ("post", ACME, STAFF),
    "staff:resend_invitation": ("post", ACME | {"number": 1}, STAFF_DO),
    "staff:retry_task": ("post", ACME | {"number": 1}, STAFF_DO),
    "staff:provision_again": ("post", ACME, STAFF_DO),
    "staff:deprovision": ("post", ACME | {"typed": "acme-inc"}, STAFF_DO),
    "staff:webhooks": ("get", {}, STAFF),
    "staff:event": ("get", EVENT, STAFF),
    # Sam has not the right to change events: see test_staff_webhooks.
    "staff:event_replay": ("get", EVENT, (302, 403, 403, 403, 403, 403)),
    "staff:event_retry": ("post", EVENT, (302, 403, 403, 403, 403, 403)),
    "staff:retry_events": ("post", {}, (302, 403, 403, 403, 403, 403)),
    "favicon": ("get", {}, (302,) * 6),
    "robots": ("get", {}, PUBLIC),
    "well_known_change_password": ("get", {}, (302,) * 6),
    "webhooks:receive": ("post", {}, (400,) * 6),
}


def url_names(resolver: URLResolver, namespace: str = "") -> list[tuple[str, str]]:
    """Return (namespace, name) of every URL below `resolver`."""
    found = []
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            found += url_names(entry, entry.namespace or namespace)
        elif isinstance(entry, URLPattern):
            found.append((namespace, entry.name or str(entry.pattern)))
    return found


class Clients:
    """A client of each kind of user. They sign in when a test asks for them: most tests ask for one."""

    def __init__(self, users: dict[str, User]) -> None:
        self._users = users

    def __getitem__(self, user_kind: str) -> Client:
        return Client() if user_kind == "anonymous" else signed_in(copy(self._users[user_kind]))


def create_users() -> dict[str, User]:
    acme, birch = create_acme(), create_birch()
    return {
        "stranger": create_dan(),
        "member": create_ben(acme),
        "it_admin": create_ada(acme),
        "staff": create_sam(),
        "it_admin_of_birch": create_cleo(birch),
    }


@pytest.fixture(scope="module")
def users(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[dict[str, User]]:
    with keep_rows(create_users, django_db_blocker) as rows:
        yield rows


@pytest.fixture
def clients(users: dict[str, User], db: None) -> Clients:
    return Clients(users)


@pytest.fixture
def acme(users: dict[str, User], db: None) -> Enterprise:
    return Enterprise.objects.get(slug="acme-inc")


@pytest.fixture
def ben(users: dict[str, User], db: None) -> User:
    return copy(users["member"])


def test_access_matrix_covers_every_url() -> None:
    names = {
        f"{namespace}:{name}" if namespace else name
        for namespace, name in url_names(get_resolver())
        if namespace != "admin"
    }

    assert names == set(MATRIX)


@pytest.mark.parametrize(("name", "user_kind"), product(MATRIX, USER_KINDS))
def test_each_kind_of_user_gets_the_expected_status(
    name: str,
    user_kind: str,
    clients: Clients,
    acme: Enterprise,
    ben: User,
    workos_api: responses.RequestsMock,
) -> None:
    workos_api.post(f"{API}/portal/generate_link", json={"link": "https://setup.workos.com?token=t"})
    method, arguments, statuses = MATRIX[name]
    arguments = dict(arguments)
    data = {key: arguments.pop(key) for key in ("typed", "role") if key in arguments}
    if "member" in name or name == "enterprises:change_role":
        arguments |= {"number": Membership.objects.get(user=ben).pk} if "number" in arguments else {}
    if "invitation" in name and "number" in arguments:
        invitation = Invitation.objects.create(
            enterprise=acme,
            email="eve@acme.example",
            role="member",
            token_hash="x",
            invited_at=timezone.now(),
            expires_at=timezone.now() + timedelta(days=1),
        )
        arguments["number"] = invitation.pk

    if name == "enterprises:person":
        arguments["number"] = create_directory_user(create_directory(acme)).pk
    if name == "enterprises:group":
        arguments["number"] = create_directory_group(create_directory(acme)).pk

    if "event_id" in arguments:
        deliver("connection.activated", event_id="event_1")
    if "pk" in arguments:
        now = timezone.now()
        link = SetupLink.objects.create(
            enterprise=acme, email="x@x.example", intents=["sso"], requested_at=now, expires_at=now
        )
        arguments["pk"] = link.pk

    response = getattr(clients[user_kind], method)(reverse(name, kwargs=arguments), data)

    assert response.status_code == statuses[USER_KINDS.index(user_kind)], response.headers.get("Location", "")
    if user_kind == "anonymous" and statuses[0] == 302 and statuses[1] != 302:
        assert response["Location"].startswith("/account/login/")


@pytest.mark.parametrize("user_kind", [kind for kind in USER_KINDS if kind != "staff"])
def test_django_admin_redirects_everyone_but_staff_to_sign_in(user_kind: str, clients: Clients) -> None:
    names = [name for namespace, name in url_names(get_resolver()) if namespace == "admin"]
    client = clients[user_kind]
    checked = 0
    for name in names:
        try:
            path = reverse(f"admin:{name}")
        except NoReverseMatch:
            # The URL of one object needs arguments; its list is checked by this loop, too.
            continue
        checked += 1
        if name in ("login", "logout"):
            continue
        response = client.get(path)
        assert (response.status_code, response["Location"].split("?")[0]) in (
            (302, "/admin/login/"),
            (302, "/account/login/"),
        ), path
    assert checked > 15


def test_refused_member_sees_which_it_admin_to_ask(clients: Clients) -> None:
    page = clients["member"].get("/enterprises/acme-inc/history/")

    assert "Ada Adeyemi (ada@acme.example)" in page.text


def test_deprovisioned_enterprise_returns_404_to_its_it_admins(clients: Clients, acme: Enterprise) -> None:
    acme.deprovisioned_at = timezone.now()
    acme.save()

    assert clients["it_admin"].get("/enterprises/acme-inc/").status_code == 404
    assert clients["it_admin"].get("/enterprises/acme-inc/members/").status_code == 404


@pytest.mark.parametrize(
    ("forwarded", "peer", "proxies", "client"),
    [
        ("", "192.0.2.1", [], "192.0.2.1"),
        # The peer is no trusted proxy: its header is ignored.
        ("203.0.113.9", "192.0.2.1", [], "192.0.2.1"),
        ("203.0.113.9", "10.0.0.1", ["10.0.0.0/8"], "203.0.113.9"),
        # The client itself wrote the leftmost address.
        ("198.51.100.66, 203.0.113.9", "10.0.0.1", ["10.0.0.0/8"], "203.0.113.9"),
        ("198.51.100.66, 203.0.113.9, 10.0.0.2", "10.0.0.1", ["10.0.0.0/8"], "203.0.113.9"),
        ("nonsense", "10.0.0.1", ["10.0.0.0/8"], None),
        ("", "", [], None),
    ],
)
def test_forwarded_client_ip_is_trusted_only_from_trusted_proxies(
    forwarded: str, peer: str, proxies: list[str], client: str | None, settings: Any, rf: RequestFactory
) -> None:
    settings.TRUSTED_PROXIES = [ipaddress.ip_network(one) for one in proxies]
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}

    assert get_client_ip(rf.get("/", headers=headers, REMOTE_ADDR=peer)) == client
