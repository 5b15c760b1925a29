"""Fixtures of the browser tests: web server, worker and sandbox are real processes."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from sandbox.client import Sandbox
from tests.browser.app import App, empty_folder, run_app


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(10_000)
    yield page
    context.close()


@pytest.fixture(scope="session")
def app_process(
    sandbox_process: Sandbox, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("app") / "mails"
    folder.mkdir()
    with run_app(sandbox_process.url, folder) as app:
        yield app


@pytest.fixture
def app(app_process: App, sandbox: Sandbox, transactional_db: None) -> Iterator[App]:
    """Web server and worker with an empty database, receiving webhooks from an empty sandbox."""
    empty_folder(app_process.mail_folder)
    sandbox.set_webhook(f"{app_process.url}/webhooks/workos/")
    app_process.resume_worker()
    yield app_process
    sandbox.set_webhook(None)
    app_process.pause_worker()
