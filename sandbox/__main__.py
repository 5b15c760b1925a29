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
from sandbox.clock import milliseconds
from sandbox.store import World

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
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
    given = parser.parse_args(arguments)
    if given.webhook_secret and not given.webhook_url:
        parser.error("--webhook-secret needs --webhook-url")
    if given.webhook_url and not given.webhook_secret:
        given.webhook_secret = f"whsec_{secrets.token_hex(16)}"
    try:
        given.switches = dict(_switch(item) for item in given.switch)
    except ValueError as error:
        parser.error(str(error))
    return given


def _switch(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--switch {text}: write NAME=VALUE")
    return name, yaml.safe_load(value)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except BaseException:
        listening.close()
        raise
    return listening


async def serve(given: argparse.Namespace, listening: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)

    port = listening.getsockname()[1]
    world = World(
        public_url=(given.public_url or f"http://localhost:{port}").rstrip("/"),
        state_file=given.state,
        random_seed=given.random_seed,
    )
    beginning = control.Beginning(
        switches=given.switches,
        webhook=(given.webhook_url, given.webhook_secret) if given.webhook_url else None,
        seed=seeds.read(given.seed) if given.seed else {},
        frozen_at=milliseconds(given.freeze) if given.freeze else None,
    )
    application = app.build(world, beginning)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        control.begin(application)
        await web.SockSite(runner, listening, shutdown_timeout=0.2).start()
        announce(given, world, port)
        await stop.wait()
    finally:
        await runner.cleanup()


def announce(given: argparse.Namespace, world: World, port: int) -> None:
    lines = [
        "This is a sandbox: a stand-in for WorkOS, for development and tests. It is not WorkOS.",
        f"  API           http://{given.host}:{port}   (any key that begins {app.KEY_PREFIX})",
        f"  Control room  {world.public_url}{app.CONTROL}/",
        f"  State         {given.state or 'in memory, gone when it stops'}",
    ]
    if given.webhook_url:
        lines.append(f"  Webhooks      {given.webhook_url}   (secret {given.webhook_secret})")
    if given.host not in LOOPBACK:
        lines.append(
            f"  WARNING       it listens on {given.host}: others on the network can reach and change it."
        )
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    given = parse(arguments)
    logging.basicConfig(
        level=logging.WARNING if given.quiet else logging.INFO,
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
    )
    try:
        listening = _bind(given.host, given.port)
    except OSError as error:
        what = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be bound: {error.strerror}"
        sys.stderr.write(
            f"Port {given.port} on {given.host} {what}. Choose another with --port; 0 takes a free one.\n"
        )
        return 1
    with contextlib.closing(listening):
        try:
            asyncio.run(serve(given, listening))
        except (seeds.BadSeed, ValueError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
