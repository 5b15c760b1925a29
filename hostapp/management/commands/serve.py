from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from hostapp.server.run import run_server
from outbox.management.base import Command as BaseCommand

# Seconds that requests may take to finish when the server stops.
_GRACEFUL_SECONDS = 30


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
        run_server(
            "hostapp.asgi:application",
            host=host,
            port=port,
            unix_socket=unix_socket,
            processes=settings.WEB_CONCURRENCY,
            graceful_seconds=_GRACEFUL_SECONDS,
        )
