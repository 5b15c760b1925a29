"""`python -m sandbox`: serve the stand-in for WorkOS until told to stop."""

import argparse
import asyncio
import contextlib
import errno
import logging
import secrets
import signal
import socket
import sys
from pathlib import Path

import yaml
from aiohttp import web

from sandbox import app, control, seeds
from sandbox.clock import parse_timestamp
from sandbox.store import Store

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="A stand-in for WorkOS, for development and tests: API, Admin Portal, signed webhooks.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: loopback only)")
    parser.add_argument("--port", type=int, default=4100, help="port to bind; 0 takes a free one (4100)")
    parser.add_argument("--public-url", help="where browsers reach it (default: http://localhost:PORT)")
    parser.add_argument("--webhook-url", help="post every event here")
    parser.add_argument("--webhook-secret", help="sign with this secret (default: a new one, printed)")
    parser.add_argument("--seed", type=Path, help="begin with this YAML or JSON file")
    parser.add_argument("--state", type=Path, help="keep the state in this file (default: in memory)")
    parser.add_argument("--random-seed", type=int, help="give the same ids again, with a frozen clock")
    parser.add_argument("--freeze", metavar="TIME", help="freeze the clock, e.g. 2026-01-15T12:00:00Z")
    parser.add_argument(
        "--switch", action="append", default=[], metavar="NAME=VALUE", help="set a switch; may be repeated"
    )
    parser.add_argument("--quiet", action="store_true", help="print the address only, not each request")
    options = parser.parse_args(arguments)
    if options.webhook_secret and not options.webhook_url:
        parser.error("--webhook-secret needs --webhook-url")
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
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except BaseException:
        listening.close()
        raise
    return listening


async def serve(options: argparse.Namespace, listening: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)

    port = listening.getsockname()[1]
    store = Store(
        public_url=(options.public_url or f"http://localhost:{port}").rstrip("/"),
        state_path=options.state,
        random_seed=options.random_seed,
    )
    initial_state = control.InitialState(
        switches=options.switches,
        webhook=(options.webhook_url, options.webhook_secret) if options.webhook_url else None,
        seed=seeds.load_seed(options.seed) if options.seed else {},
        frozen_at=parse_timestamp(options.freeze) if options.freeze else None,
    )
    application = app.build_app(store, initial_state)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        control.apply_initial_state(application)
        await web.SockSite(runner, listening, shutdown_timeout=0.2).start()
        print_addresses(options, store, port)
        await stop.wait()
    finally:
        await runner.cleanup()


def print_addresses(options: argparse.Namespace, store: Store, port: int) -> None:
    lines = [
        "This is a sandbox: a stand-in for WorkOS, for development and tests. It is not WorkOS.",
        f"  API           http://{options.host}:{port}   (any key that begins {app.KEY_PREFIX})",
        f"  Control room  {store.public_url}{app.CONTROL}/",
        f"  State         {options.state or 'in memory, gone when it stops'}",
    ]
    if options.webhook_url:
        lines.append(f"  Webhooks      {options.webhook_url}   (secret {options.webhook_secret})")
    if options.host not in LOOPBACK:
        lines.append(
            f"  WARNING       it listens on {options.host}: others on the network can reach and change it."
        )
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    logging.basicConfig(
        level=logging.WARNING if options.quiet else logging.INFO,
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
    )
    try:
        listening = _bind_socket(options.host, options.port)
    except OSError as error:
        what = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be bound: {error.strerror}"
        sys.stderr.write(
            f"Port {options.port} on {options.host} {what}. Choose another with --port; 0 takes a free one.\n"
        )
        return 1
    with contextlib.closing(listening):
        try:
            asyncio.run(serve(options, listening))
        except (seeds.InvalidSeed, ValueError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
