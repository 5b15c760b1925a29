"""Answers to the probes of load balancers, given in the event loop: also while all threads are busy."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # hostapp.health imports this module in every process, and only a web server needs uvicorn.
    from hostapp.server.connections import BoundedProtocol
    from webhooks.receive.asgi import Scope, Send

HEALTH_PATH = "/healthz"
READINESS_PATH = "/readyz"


async def answer_probe(scope: "Scope", send: "Send", problem: str = "") -> None:
    """Answer 200, or 503 and the problem; 405 for another method than GET and HEAD."""
    # Another server than ours, such as a test's, has no bounds.
    connection: BoundedProtocol | None = scope.get("state", {}).get("connection")
    if connection:
        connection.head_received()
        connection.request_received()
    status, text = (503, problem) if problem else (200, "ok")
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    if scope["method"] not in ("GET", "HEAD"):
        status, text = 405, ""
        # It may have a body, which nobody reads.
        headers += [(b"allow", b"GET, HEAD"), (b"connection", b"close")]
    body = f"{text}\n".encode() if text else b""
    headers.append((b"content-length", b"%d" % len(body)))
    try:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    finally:
        if connection:
            connection.response_sent()
