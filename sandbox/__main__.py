"""`python -m sandbox`: serve the sandbox until SIGTERM or SIGINT."""

import argparse
import asyncio
import contextlib
import errno
import logging
import os
import secrets
import signal
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from aiohttp import web

from sandbox import seeds
from sandbox.allowed_hosts import AllowedHosts
from sandbox.app import build_app
from sandbox.clock import parse_timestamp
from sandbox.initial_state import InitialState, apply_initial_state
from sandbox.middleware import API_KEY_PREFIX, CONTROL_PREFIX
from sandbox.store import Store

WEBHOOK_SECRET_VARIABLE = "SANDBOX_WEBHOOK_SECRET"
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
SHUTDOWN_SECONDS = 0.2


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="A stand-in for WorkOS, for development and tests: API, Admin Portal, signed webhooks.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: loopback only)")
    parser.add_argument(
        "--port", type=int, default=4100, help="port to bind; 0 picks a free one (default: 4100)"
    )
    parser.add_argument("--public-url", help="URL that browsers use (default: http://localhost:PORT)")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="also answer to this host name; can be repeated (default: loopback names, --host, --public-url)",
    )
    parser.add_argument("--webhook-url", help="send every event to this URL")
    parser.add_argument(
        "--webhook-secret",
        default=os.environ.get(WEBHOOK_SECRET_VARIABLE) or None,
        help="sign webhooks with this secret (default: a new one, printed). Other users of the machine can "
        f"read arguments; they cannot read the environment variable {WEBHOOK_SECRET_VARIABLE}",
    )
    parser.add_argument("--seed", type=Path, help="start with the objects in this YAML or JSON file")
    parser.add_argument("--state", type=Path, help="keep the state in this file (default: in memory)")
    parser.add_argument(
        "--random-seed", type=int, help="with a frozen clock: generate the same ids in every run"
    )
    parser.add_argument("--freeze", metavar="TIME", help="freeze the clock, e.g. at 2026-01-15T12:00:00Z")
    parser.add_argument(
        "--switch", action="append", default=[], metavar="NAME=VALUE", help="set a switch; can be repeated"
    )
    parser.add_argument("--quiet", action="store_true", help="do not log each request")
    options = parser.parse_args(arguments)
    is_given = any(argument.startswith("--webhook-secret") for argument in arguments or sys.argv[1:])
    if is_given and not options.webhook_url:
        parser.error("--webhook-secret needs --webhook-url")
    options.prints_secret = is_given or not options.webhook_secret
    if options.webhook_url and not options.webhook_secret:
        options.webhook_secret = f"whsec_{secrets.token_hex(16)}"
    try:
        options.switches = dict(_parse_switch(item) for item in options.switch)
    except ValueError as error:
        parser.error(str(error))
    return options


def _parse_switch(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--switch {text}: write NAME=VALUE")
    return name, yaml.safe_load(value)


def _bind_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound


async def serve(options: argparse.Namespace, bound: socket.socket) -> None:
    """Serve on the bound socket until a signal stops it. Raises InvalidSeed and ValueError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)

    port = bound.getsockname()[1]
    store = Store(
        public_url=(options.public_url or f"http://localhost:{port}").rstrip("/"),
        state_path=options.state,
        random_seed=options.random_seed,
    )
    initial_state = InitialState(
        switches=options.switches,
        webhook=(options.webhook_url, options.webhook_secret) if options.webhook_url else None,
        seed=seeds.load_seed(options.seed) if options.seed else {},
        frozen_at=parse_timestamp(options.freeze) if options.freeze else None,
    )
    public_host = urlsplit(store.public_url).hostname
    names = [*options.allow_host, options.host, *([public_host] if public_host else [])]
    app = build_app(store, initial_state, AllowedHosts(names, any_address=options.host not in LOOPBACK))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        apply_initial_state(app)
        await web.SockSite(runner, bound, shutdown_timeout=SHUTDOWN_SECONDS).start()
        print_addresses(options, store, port)
        await stop.wait()
    finally:
        await runner.cleanup()


def print_addresses(options: argparse.Namespace, store: Store, port: int) -> None:
    lines = [
        "This is a sandbox: a stand-in for WorkOS, for development and tests. It is not WorkOS.",
        f"  API        http://{options.host}:{port}   (any key that starts with {API_KEY_PREFIX})",
        f"  Dashboard  {store.public_url}{CONTROL_PREFIX}/",
        f"  State      {options.state or 'in memory, lost when it stops'}",
    ]
    if options.webhook_url:
        secret = options.webhook_secret if options.prints_secret else f"from {WEBHOOK_SECRET_VARIABLE}"
        lines.append(f"  Webhooks   {options.webhook_url}   (secret {secret})")
    if options.host not in LOOPBACK:
        lines.append(f"  WARNING    other machines on the network can reach and change it at {options.host}.")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit status."""
    options = parse_arguments(arguments)
    logging.basicConfig(
        level=logging.WARNING if options.quiet else logging.INFO,
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
    )
    try:
        bound = _bind_socket(options.host, options.port)
    except OSError as error:
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be bound: {error.strerror}"
        sys.stderr.write(
            f"Port {options.port} on {options.host} {reason}."
            " Choose another one with --port; 0 picks a free one.\n"
        )
        return 1
    with contextlib.closing(bound):
        try:
            asyncio.run(serve(options, bound))
        except (seeds.InvalidSeed, ValueError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
