"""Run uvicorn with the bounds of `connections.py`."""

import os
import socket
import stat
import sys
from contextlib import suppress

from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

from hostapp.server.connections import BACKLOG

# Seconds that an idle connection is kept: longer than most proxies keep theirs, which is 60 seconds.
_KEEP_ALIVE_SECONDS = 75
# Seconds after which a process whose event loop does not answer is replaced.
_HEALTH_CHECK_SECONDS = 30


class _Supervisor(Multiprocess):
    """The parent of several processes, which listen on its socket as soon as they are ready."""

    def terminate_all(self) -> None:
        """Stop the processes, and take no more connections.

        As long as a process has the socket open, the kernel accepts connections, which nobody answers before
        the last request in hand is finished. A proxy that is refused goes to another server at once.
        """
        super().terminate_all()
        for sock in self.sockets:
            sock.close()


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
    which returns the application. Exits with another code than 0 if it cannot start.
    """
    if unix_socket:
        _remove_stale_socket(unix_socket)
    config = Config(
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
    try:
        if processes > 1:
            _Supervisor(config, sockets=[config.bind_socket()]).run()
        else:
            server = Server(config)
            with suppress(KeyboardInterrupt):
                server.run()
            if not server.started:
                sys.exit(1)
    finally:
        if unix_socket:
            with suppress(FileNotFoundError):
                os.remove(unix_socket)


def _remove_stale_socket(path: str) -> None:
    """Remove the socket that a killed server has left. One that a server listens on stays."""
    with suppress(FileNotFoundError), socket.socket(socket.AF_UNIX) as probe:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.remove(path)
