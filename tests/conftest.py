"""Acme with Ada (IT admin) and Ben (member), Birch with Cleo (IT admin), Dan and Sam."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import responses
import workos
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, sync_playwright

from enterprises import gateway
from enterprises.gateway import calling
from enterprises.models import Enterprise, Membership
from hostapp.models import User
from sandbox.client import Sandbox
from tests import processes
from tests.browser import chromium
from tests.processes import Manage
from tests.requests_backend import RequestsBackend

# The organization of every recorded event in tests/webhooks/events.
ACME_ORGANIZATION = "org_01EHWNCE74X7JSDV0X3SZ3KJNY"
BIRCH_ORGANIZATION = "org_01BIRCHAAAAAAAAAAAAAAAAAAA"


@pytest.fixture
def acme(db: None) -> Enterprise:
    return Enterprise.objects.create(name="Acme Inc.", slug="acme-inc", organization_id=ACME_ORGANIZATION)


@pytest.fixture
def birch(db: None) -> Enterprise:
    return Enterprise.objects.create(name="Birch Ltd", slug="birch-ltd", organization_id=BIRCH_ORGANIZATION)


def _person(email: str, name: str, **fields: bool) -> User:
    return User.objects.create_user(email, "correct horse battery", name=name, **fields)


@pytest.fixture
def ada(acme: Enterprise) -> User:
    user = _person("ada@acme.example", "Ada Adeyemi")
    Membership.objects.create(user=user, enterprise=acme, role=Membership.Role.IT_ADMIN)
    return user


@pytest.fixture
def ben(acme: Enterprise) -> User:
    user = _person("ben@acme.example", "Ben Brandt")
    Membership.objects.create(user=user, enterprise=acme, role=Membership.Role.MEMBER)
    return user


@pytest.fixture
def cleo(birch: Enterprise) -> User:
    user = _person("cleo@birch.example", "Cleo Castro")
    Membership.objects.create(user=user, enterprise=birch, role=Membership.Role.IT_ADMIN)
    return user


@pytest.fixture
def dan(db: None) -> User:
    return _person("dan@dune.example", "Dan Diaz")


@pytest.fixture
def sam(db: None) -> User:
    return _person("sam@saas.example", "Sam Staff", is_staff=True)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all walks: Playwright bears no second loop in a process."""
    path = chromium.require_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def manage() -> Iterator[Manage]:
    """Start `manage.py …` as a real process on the test's database; what still runs afterwards is ended."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> "subprocess.Popen[str]":
        started.append(processes.start_manage_command(*arguments))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture
def workos_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[responses.RequestsMock]:
    """What WorkOS answers, to the real SDK. A request that no test expects fails."""
    client = workos.WorkOSClient(
        api_key=settings.WORKOS_API_KEY,
        base_url=settings.WORKOS_BASE_URL,
        max_retries=0,
        http_client=RequestsBackend(),
    )
    monkeypatch.setattr(calling, "client", lambda: client)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def workos_sandbox(sandbox: Sandbox, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """The sandbox in WorkOS's place, for us and for the processes that we start."""
    settings.WORKOS_BASE_URL = sandbox.url
    monkeypatch.setenv("TEST_SANDBOX", sandbox.url)
    gateway.client.cache_clear()
    gateway.client()
    yield sandbox
    gateway.client().close()
    gateway.client.cache_clear()
