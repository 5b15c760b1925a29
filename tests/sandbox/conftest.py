"""The real SDK, a receiver of webhooks on loopback, and a browser."""

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
    client = client_of(sandbox)
    yield client
    client.close()


def client_of(sandbox: Sandbox, api_key: str | None = None) -> WorkOSClient:
    return WorkOSClient(
        api_key=api_key or sandbox.api_key,
        client_id="client_sandbox",
        base_url=sandbox.url,
        request_timeout=10,
        max_retries=0,
    )


@dataclass
class Receiver:
    """Keeps what is posted to it; `answers` are the statuses of the next answers, then always 200."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    posted: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def bodies(self) -> list[bytes]:
        return [body for _headers, body in self.posted]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.posted.append((dict(self.headers), body))
            self.send_response(received.answers.pop(0) if received.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing: the tests look at what was kept."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_port}/webhooks"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield received
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def phones(browser: Browser) -> Iterator[dict[bool, BrowserContext]]:
    """A phone's browser with JavaScript and one without; no page of the sandbox leaves a trace in them."""
    size: ViewportSize = {"width": 375, "height": 700}
    contexts = {
        scripted: browser.new_context(java_script_enabled=scripted, viewport=size)
        for scripted in (True, False)
    }
    yield contexts
    for context in contexts.values():
        context.close()


@pytest.fixture
def page(phones: dict[bool, BrowserContext], request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page on a phone; a test may ask for it without JavaScript."""
    scripted = getattr(request, "param", True)
    page = phones[scripted].new_page()
    page.set_default_timeout(10_000)
    setattr(page, SCRIPTED, scripted)
    yield page
    assert phones[scripted].cookies() == []
    page.close()
