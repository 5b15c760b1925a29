"""One process of the web server: the receiver, alone or in front of the site."""

import multiprocessing
import os
import signal
import threading

from hostapp.receiver_settings import MetricsConfig
from hostapp.server.connections import BoundedProtocol, Connections
from hostapp.server.file_limits import find_max_connections, raise_file_limit
from hostapp.server.metrics import METRICS_PATH
from hostapp.server.probes import HEALTH_PATH, READINESS_PATH, answer_probe, answer_scrape
from hostapp.server.site import ThreadedSite
from webhooks.receive.asgi import Receive, Receiver, Scope, Send


class ServerProcess:
    """An ASGI application. Deliveries go to the receiver, and everything else to the site if there is one."""

    def __init__(
        self,
        receiver: Receiver,
        site: ThreadedSite | None = None,
        *,
        threads: int = 0,
        request_seconds: float,
        metrics: MetricsConfig | None = None,
    ) -> None:
        """`threads` of the site. `request_seconds`: in which a request must arrive.

        `metrics`: for the receiver alone. A site answers for itself, with the database's figures.
        """
        self._receiver = receiver
        self._site = site
        self._threads = threads
        self._request_seconds = request_seconds
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._run_lifespan(receive, send)
        elif scope["type"] == "http":
            if scope["path"] == HEALTH_PATH:
                await answer_probe(scope, send)
            elif scope["path"] == READINESS_PATH and not (self._site and self._receiver.is_ready):
                # The site answers for itself, and for its tables.
                problem = "" if self._receiver.is_ready else "the database does not answer"
                await answer_probe(scope, send, problem)
            elif self._metrics and scope["path"] == METRICS_PATH:
                await answer_scrape(scope, send, self._metrics)
            elif self._site is None or self._receiver.takes(scope["path"]):
                await self._receiver(scope, receive, send)
            else:
                await self._site(scope, receive, send)

    async def _run_lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        raise_file_limit()
        BoundedProtocol.connections = Connections(
            find_max_connections(self._threads), request_seconds=self._request_seconds
        )
        _stop_with_parent()
        await self._receiver.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._receiver.stop()
        await send({"type": "lifespan.shutdown.complete"})


def _stop_with_parent() -> None:
    """Stop this process when the one that started it has been killed."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()
