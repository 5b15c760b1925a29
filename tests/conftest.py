"""Fixtures: Acme with Ada (IT admin) and Ben (member), Birch with Cleo (IT admin), Dan; Sam, Vic (staff)."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import responses
import workos
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.models import Permission
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from playwright.sync_api import Browser, sync_playwright
from pytest_django import DjangoDbBlocker

import gateway
from enterprises.models import Enterprise, Membership
from gateway import client as gateway_client
from hostapp.models import User
from hostapp.sessions import SessionStore
from hostapp.staff.rights import Right
from sandbox.client import Sandbox
from tests import processes, template_database
from tests.browser import chromium
from tests.factories import create_enterprise
from tests.processes import Manage
from tests.requests_backend import RequestsBackend

# The organization of every recorded event in tests/webhooks/events.
ACME_ORGANIZATION = "org_01EHWNCE74X7JSDV0X3SZ3KJNY"
BIRCH_ORGANIZATION = "org_01BIRCHAAAAAAAAAAAAAAAAAAA"


# Their tests start servers or try many values. `make test-fast` leaves them out, with the tests that are
# marked where they stand.
_SLOW_FILES = {
    "test_any_values.py",
    "test_arbitrary_requests.py",
    "test_bad_requests.py",
    "test_batches.py",
    "test_catch_up_processes.py",
    "test_command_line.py",
    "test_concurrent_changes.py",
    "test_database_away.py",
    "test_demo.py",
    "test_deploy_files.py",
    "test_deployment.py",
    "test_embedded_postgres.py",
    "test_histories.py",
    "test_indexes.py",
    "test_migrate.py",
    "test_operations.py",
    "test_order.py",
    "test_provisioning_recovery.py",
    "test_server.py",
    "test_server_limits.py",
    "test_start_and_stop.py",
    "test_state.py",
    "test_waiting_launches.py",
    "test_wheel.py",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that `make test-fast` leaves out."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "browser" in fixtures:
            item.add_marker("browser")
        if "manage" in fixtures or item.path.name in _SLOW_FILES:
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def wait_for_other_connections(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let processes and threads end their transactions before a test's tables are emptied."""
    marker = request.node.get_closest_marker("django_db")
    if "transactional_db" not in request.fixturenames and not (marker and marker.kwargs.get("transaction")):
        yield
        return
    # First, so that the tables are emptied after this fixture has ended.
    request.getfixturevalue("transactional_db")
    yield
    processes.wait_until_database_is_idle()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> None:
    """Copy a migrated database instead of applying all migrations in each process."""
    with django_db_blocker.unblock():
        template = template_database.prepare_template()
    connection.settings_dict["TEST"].update(TEMPLATE=template, MIGRATE=False)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """End what is still connected before the database is dropped."""
    yield
    with django_db_blocker.unblock():
        processes.end_other_sessions()


def create_acme() -> Enterprise:
    return create_enterprise("Acme Inc.", "acme-inc", ACME_ORGANIZATION)


def create_birch() -> Enterprise:
    return create_enterprise("Birch Ltd", "birch-ltd", BIRCH_ORGANIZATION)


def create_ada(acme: Enterprise) -> User:
    return _create_member(acme, Membership.Role.IT_ADMIN, "ada@acme.example", "Ada Adeyemi")


def create_ben(acme: Enterprise) -> User:
    return _create_member(acme, Membership.Role.MEMBER, "ben@acme.example", "Ben Brandt")


def create_cleo(birch: Enterprise) -> User:
    return _create_member(birch, Membership.Role.IT_ADMIN, "cleo@birch.example", "Cleo Castro")


def create_dan() -> User:
    return _create_user("dan@dune.example", "Dan Diaz")


def create_sam() -> User:
    """Staff with every right of the staff pages, and none of the administration's others."""
    user = _create_user("sam@saas.example", "Sam Staff", is_staff=True)
    user.user_permissions.set(find_permissions(*Right, "portal.view_setuplink", "portal.add_setuplink"))
    return user


def create_vic() -> User:
    """Staff who may view everything and change nothing."""
    user = _create_user("vic@saas.example", "Vic Viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return user


def find_permissions(*names: str) -> list[Permission]:
    """The permissions with these names, such as `outbox.change_task`."""
    codenames = [name.split(".")[1] for name in names]
    known = {
        f"{one.content_type.app_label}.{one.codename}": one
        for one in Permission.objects.select_related("content_type").filter(codename__in=codenames)
    }
    return [known[name] for name in names]


def _create_member(enterprise: Enterprise, role: str, email: str, name: str) -> User:
    user = _create_user(email, name)
    Membership.objects.create(user=user, enterprise=enterprise, role=role)
    return user


def _create_user(email: str, name: str, **fields: bool) -> User:
    return User.objects.create_user(email, "correct horse battery", name=name, **fields)


@pytest.fixture
def acme(db: None) -> Enterprise:
    return create_acme()


@pytest.fixture
def birch(db: None) -> Enterprise:
    return create_birch()


@pytest.fixture
def ada(acme: Enterprise) -> User:
    return create_ada(acme)


@pytest.fixture
def ben(acme: Enterprise) -> User:
    return create_ben(acme)


@pytest.fixture
def cleo(birch: Enterprise) -> User:
    return create_cleo(birch)


@pytest.fixture
def dan(db: None) -> User:
    return create_dan()


@pytest.fixture
def sam(db: None) -> User:
    return create_sam()


@pytest.fixture
def vic(db: None) -> User:
    return create_vic()


def signed_in(user: User) -> Client:
    """A client with a new session of `user`.

    Not by `force_login`, which first saves a session of nobody: 6 of its 15 SQL statements.
    """
    client, request = Client(), HttpRequest()
    request.session = SessionStore()
    login(request, user, settings.AUTHENTICATION_BACKENDS[0])
    request.session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(request.session.session_key)
    return client


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Share one Chromium: Playwright cannot run a second event loop in one process."""
    path = chromium.require_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def manage() -> Iterator[Manage]:
    """Start `manage.py …` as a process on the test's database, and kill it if it outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> "subprocess.Popen[str]":
        started.append(processes.start_manage_command(*arguments))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()
        if process.stdout:
            process.stdout.close()


@pytest.fixture
def workos_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[responses.RequestsMock]:
    """Mock WorkOS's responses to the real SDK. A request that the test has not registered fails."""
    client = workos.WorkOSClient(
        api_key=settings.WORKOS_API_KEY,
        base_url=settings.WORKOS_BASE_URL,
        max_retries=0,
        http_client=RequestsBackend(),
    )
    monkeypatch.setattr(gateway_client, "get_client", lambda: client)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def workos_sandbox(sandbox: Sandbox, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Use the sandbox instead of WorkOS, in this process and in those that the test starts."""
    settings.WORKOS_BASE_URL = sandbox.url
    monkeypatch.setenv("TEST_SANDBOX", sandbox.url)
    gateway.get_client.cache_clear()
    gateway.get_client()
    yield sandbox
    gateway.get_client().close()
    gateway.get_client.cache_clear()
