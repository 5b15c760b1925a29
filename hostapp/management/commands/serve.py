from argparse import ArgumentParser
from typing import Any

import uvicorn
from django.conf import settings

from hostapp.server.connections import BACKLOG
from outbox.management.base import Command as BaseCommand

# Seconds that requests may take to finish when the server stops.
_GRACEFUL_SECONDS = 30
# Seconds that an idle connection is kept: longer than most proxies keep theirs, which is 60 seconds.
_KEEP_ALIVE_SECONDS = 75
# Seconds after which a process whose event loop does not answer is replaced.
_HEALTH_CHECK_SECONDS = 30


class Command(BaseCommand):
    help = """Serve the site and the webhooks, in production and in the demo.

Settings: WEB_CONCURRENCY (processes), WEB_THREADS (of each), WEB_PATIENCE (seconds in which a request must
arrive), WEB_ACCESS_LOG; docs/webhooks.md explains them. Stops at SIGTERM, after the requests in hand; SIGHUP
starts new processes, one by one.

  manage.py serve
  manage.py serve --host 0.0.0.0 --port 8000
  manage.py serve --unix-socket /run/portal/web.sock"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: 8000)")
        parser.add_argument("--unix-socket", metavar="FILE", help="listen on this socket instead")

    def handle(
        self,
        *,
        host: str,
        port: int,
        unix_socket: str | None,
        verbosity: int,
        **options: Any,
    ) -> None:
        if verbosity > 0:
            self.stdout.write(
                f"Serving on {unix_socket or f'http://{host}:{port}'}. SIGTERM or Ctrl-C stops it."
            )
            self.stdout.flush()
        uvicorn.run(
            "hostapp.asgi:application",
            host=host,
            port=port,
            uds=unix_socket,
            workers=settings.WEB_CONCURRENCY,
            # What one client can hold is bounded here.
            http="hostapp.server.connections:BoundedProtocol",
            backlog=BACKLOG,
            ws="none",
            lifespan="on",
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACEFUL_SECONDS,
            timeout_worker_healthcheck=_HEALTH_CHECK_SECONDS,
            # Django reads X-Forwarded-… itself, and only what TRUSTED_PROXIES have written.
            proxy_headers=False,
            server_header=False,
            # Django's LOGGING holds for the server, too.
            log_config=None,
        )
