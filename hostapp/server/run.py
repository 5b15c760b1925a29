"""Run uvicorn with the bounds of `connections.py`."""

import uvicorn

from hostapp.server.connections import BACKLOG

# Seconds that an idle connection is kept: longer than most proxies keep theirs, which is 60 seconds.
_KEEP_ALIVE_SECONDS = 75
# Seconds after which a process whose event loop does not answer is replaced.
_HEALTH_CHECK_SECONDS = 30


def run_server(
    application: str,
    *,
    host: str,
    port: int,
    unix_socket: str | None,
    processes: int,
    graceful_seconds: int,
    is_factory: bool = False,
) -> None:
    """Serve the ASGI application with this dotted path until SIGTERM.

    `graceful_seconds`: that requests may then take to finish. `is_factory`: the path is that of a function
    which returns the application.
    """
    uvicorn.run(
        application,
        factory=is_factory,
        host=host,
        port=port,
        uds=unix_socket,
        workers=processes,
        # What one client can hold is bounded here.
        http="hostapp.server.connections:BoundedProtocol",
        backlog=BACKLOG,
        ws="none",
        lifespan="on",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=graceful_seconds,
        timeout_worker_healthcheck=_HEALTH_CHECK_SECONDS,
        # X-Forwarded-… is read by us, and only what TRUSTED_PROXIES have written.
        proxy_headers=False,
        server_header=False,
        # Our logging holds for the server, too.
        log_config=None,
    )
