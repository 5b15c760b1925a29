"""Answers to probes and scrapes, given in the event loop: also while all threads are busy."""

import asyncio
from typing import TYPE_CHECKING

from hostapp.receiver_settings import MetricsConfig
from hostapp.server.metrics import CONTENT_TYPE, build_registry, find_refusal, render_metrics

if TYPE_CHECKING:
    # hostapp.health imports this module in every process, and only a web server needs uvicorn.
    from hostapp.server.connections import BoundedProtocol
    from webhooks.receive.asgi import Scope, Send

HEALTH_PATH = "/healthz"
READINESS_PATH = "/readyz"

_TEXT = "text/plain; charset=utf-8"


async def answer_probe(scope: "Scope", send: "Send", problem: str = "") -> None:
    """Answer 200, or 503 and the problem; 405 for another method than GET and HEAD."""
    await _answer(scope, send, 503 if problem else 200, f"{problem or 'ok'}\n".encode(), _TEXT)


async def answer_scrape(scope: "Scope", send: "Send", config: MetricsConfig) -> None:
    """Answer what the receivers of this host have counted, or refuse."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    refusal = find_refusal(
        config,
        remote_addr=(scope.get("client") or ("", 0))[0],
        forwarded_for=headers.get(b"x-forwarded-for", ""),
        authorization=headers.get(b"authorization", ""),
    )
    body = b"" if refusal else await asyncio.to_thread(lambda: render_metrics(build_registry(config)))
    await _answer(scope, send, refusal or 200, body, CONTENT_TYPE)


async def _answer(scope: "Scope", send: "Send", status: int, body: bytes, content_type: str) -> None:
    # Another server than ours, such as a test's, has no bounds.
    connection: BoundedProtocol | None = scope.get("state", {}).get("connection")
    if connection:
        connection.head_received()
        connection.request_received()
    headers = [(b"content-type", content_type.encode()), (b"cache-control", b"no-store")]
    if scope["method"] not in ("GET", "HEAD"):
        status, body = 405, b""
        # It may have a body, which nobody reads.
        headers += [(b"allow", b"GET, HEAD"), (b"connection", b"close")]
    headers.append((b"content-length", b"%d" % len(body)))
    try:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    finally:
        if connection:
            connection.response_sent()
