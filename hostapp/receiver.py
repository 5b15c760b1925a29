"""Run the webhook receiver alone: `python -m hostapp.receiver`. It loads no Django app.

It needs DATABASE_URL and WORKOS_WEBHOOK_SECRET, and neither SECRET_KEY nor the WorkOS API key. Let the proxy
route /webhooks/workos to it, and everything else to `manage.py serve`.
"""

import argparse
import logging.config
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hostapp.environment import EnvironmentVariables, read_environment
from hostapp.error_reports import start_error_reports
from hostapp.logs import build_logging
from hostapp.receiver_settings import (
    read_connection_parameters,
    read_log_format,
    read_metrics_config,
    read_receiver_config,
    read_sentry_dsn,
    read_server_settings,
)

# Their metrics are declared when they are imported, and prometheus-client must know METRICS_DIR by then.
if TYPE_CHECKING:
    from hostapp.server.process import ServerProcess

# Seconds that deliveries in hand may take when it stops. WorkOS repeats one that gets no answer.
_GRACEFUL_SECONDS = 2


def build_application() -> "ServerProcess":
    """The application of one process, from the environment. Exits if a setting is missing or unsafe."""
    env = _read_environment()
    debug = env.boolean("DEBUG", default=False)
    config = read_receiver_config(env, debug=debug)
    parameters = read_connection_parameters(env)
    server = read_server_settings(env)
    metrics = read_metrics_config(env, config.trusted_proxies)
    log_format = read_log_format(env, debug=debug)
    sentry_dsn = read_sentry_dsn(env)
    if env.problems:
        sys.exit(f"Some settings are missing or unsafe: {'; '.join(env.problems)}. See .env.example.")
    # No access log: deliveries are counted.
    logging.config.dictConfig(build_logging(level=server.log_level, log_format=log_format, access_log=False))
    if sentry_dsn:
        start_error_reports(sentry_dsn, is_production=not debug)
    from hostapp.server.process import ServerProcess  # noqa: PLC0415
    from webhooks.receive.asgi import Receiver  # noqa: PLC0415

    return ServerProcess(
        Receiver(config, lambda: parameters), request_seconds=server.request_seconds, metrics=metrics
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m hostapp.receiver", description="Receive webhooks.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8001, help="port to listen on (default: 8001)")
    parser.add_argument("--unix-socket", metavar="FILE", help="listen on this socket instead")
    options = parser.parse_args()
    # The processes build it again; this finds what is wrong before there are any.
    build_application()
    from hostapp.server.run import run_server  # noqa: PLC0415

    address = options.unix_socket or f"http://{options.host}:{options.port}"
    sys.stdout.write(f"Receiving webhooks on {address}. SIGTERM or Ctrl-C stops it.\n")
    sys.stdout.flush()
    run_server(
        "hostapp.receiver:build_application",
        host=options.host,
        port=options.port,
        unix_socket=options.unix_socket,
        processes=read_server_settings(_read_environment()).processes,
        graceful_seconds=_GRACEFUL_SECONDS,
        is_factory=True,
    )


def _read_environment() -> EnvironmentVariables:
    return read_environment(Path(__file__).resolve().parent.parent / ".env")


if __name__ == "__main__":
    main()
