"""Fixtures: WorkOS's SDK, a webhook receiver on loopback, a browser of a phone's size."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize
from workos import WorkOSClient

from sandbox.client import Sandbox
from tests.sandbox.accessibility import SCRIPTED


@pytest.fixture
def workos(sandbox: Sandbox) -> Iterator[WorkOSClient]:
    client = create_client(sandbox)
    yield client
    client.close()


def create_client(sandbox: Sandbox, api_key: str | None = None) -> WorkOSClient:
    return WorkOSClient(
        api_key=api_key or sandbox.api_key,
        client_id="client_sandbox",
        base_url=sandbox.url,
        request_timeout=10,
        max_retries=0,
    )


@dataclass
class Receiver:
    """Keeps the requests it receives. `statuses` are its next responses; afterwards it answers 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def bodies(self) -> list[bytes]:
        return [body for _headers, body in self.requests]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.requests.append((dict(self.headers), body))
            self.send_response(received.statuses.pop(0) if received.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Keep the test output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_port}/webhooks"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield received
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def phone_contexts(browser: Browser) -> Iterator[dict[bool, BrowserContext]]:
    """Browser contexts with and without JavaScript. The sandbox sets no cookies, so tests can share them."""
    size: ViewportSize = {"width": 375, "height": 700}
    contexts = {
        scripted: browser.new_context(java_script_enabled=scripted, viewport=size)
        for scripted in (True, False)
    }
    yield contexts
    for context in contexts.values():
        context.close()


@pytest.fixture
def page(phone_contexts: dict[bool, BrowserContext], request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of a phone's width; a test can request it without JavaScript."""
    scripted = getattr(request, "param", True)
    page = phone_contexts[scripted].new_page()
    page.set_default_timeout(10_000)
    setattr(page, SCRIPTED, scripted)
    yield page
    assert phone_contexts[scripted].cookies() == []
    page.close()
