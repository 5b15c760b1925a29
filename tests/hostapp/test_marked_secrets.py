"""Every secret, token, link and address here carries a marker, and no line of a process has it."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deliveries import payload, signed
from tests.processes import wait_until
from tests.webhooks.receive.server import Server, request, status

ROOT = Path(__file__).resolve().parents[2]
MARKER = "mArKeR7"
ADDRESS = "203.0.113.177"
SECRET = f"whsec_{MARKER}-of-webhooks-and-random"
PATH_TOKEN = f"{MARKER}-in-the-path-0123456789"


def build_settings(port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "ENV_FILE": "",
        "PYTHONUTF8": "1",
        "LOG_LEVEL": "DEBUG",
        "WEB_CONCURRENCY": "1",
        "SITE_URL": "https://app.acme.example",
        "SECRET_KEY": f"{MARKER}abcdefghijklmnopqrstuvwxyz0123456789-abcdefghijkl",
        # Nobody listens there: the database is away.
        "DATABASE_URL": f"postgres://user:{MARKER}-of-the-database@127.0.0.1:{port}/app",
        "WORKOS_API_KEY": f"sk_live_{MARKER}",
        "WORKOS_WEBHOOK_SECRET": SECRET,
        "WORKOS_WEBHOOK_TOKEN": PATH_TOKEN,
        "METRICS_TOKEN": f"{MARKER}-of-the-metrics",
        "EMAIL_URL": f"smtp+tls://user:{MARKER}@mail.acme.example",
        "TRUSTED_PROXIES": "127.0.0.0/8",
        "BEHIND_TLS_PROXY": "on",
        "WEB_ACCESS_LOG": "on",
        "DJANGO_SETTINGS_MODULE": "hostapp.settings",
    }


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.slow
@pytest.mark.parametrize("program", ["serve", "receiver"])
def test_no_line_of_a_server_has_a_marked_value(tmp_path: Path, program: str) -> None:
    port = find_free_port()
    command = ["manage.py", "serve"] if program == "serve" else ["-m", "hostapp.receiver"]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", *command, "--port", str(port)],
            cwd=ROOT,
            env=build_settings(find_free_port()),
            stdout=output,
            stderr=output,
        )
        server = Server(port, process)
        try:
            wait_until(lambda: _answers(server), seconds=60)
            _send_marked_requests(server)
        finally:
            process.terminate()
            process.wait(20)

    text = log.read_text()
    lines = [line for line in text.split("\n") if line.startswith("{")]
    assert any("not recorded" in json.loads(line)["message"] for line in lines), text
    assert MARKER not in text
    assert "ada.m@acme.example" not in text
    # One line for the deliveries that the database did not take, and not one for each.
    assert len([line for line in lines if "not recorded" in line and "more like this" not in line]) == 1
    assert all(re.fullmatch(r"[ -~]*", line) for line in lines)


def _answers(server: Server) -> bool:
    try:
        return status(server.send(request(b"", method="GET", path="/healthz"))) == 200
    except OSError:
        return False


def _send_marked_requests(server: Server) -> None:
    body = json.dumps(payload("connection.activated", email="ada.m@acme.example", note=MARKER)).encode()
    url = f"/webhooks/workos/{PATH_TOKEN}/"
    for _ in range(3):
        delivery = request(
            body,
            f"WorkOS-Signature: {signed(body, secret=SECRET)}",
            f"X-Forwarded-For: {ADDRESS}",
            path=url,
        )
        assert status(server.send(delivery)) == 503
    server.send(request(body, f"WorkOS-Signature: t=1, v1={MARKER}", path=url))
    server.send(request(body, path=f"/webhooks/workos/{MARKER}-a-wrong-one-0123456789/"))
    pages = (
        f"/invitations/{MARKER}-0123456789abcdefghij/",
        f"/account/reset/Mg/{MARKER}-0123456789abcdef/",
        f"/account/login/?next=/{MARKER}/",
        "/metrics",
    )
    for page in pages:
        server.send(
            request(
                b"",
                f"Cookie: sessionid={MARKER}",
                f"Authorization: Bearer {MARKER}",
                "X-Forwarded-Proto: https",
                method="GET",
                path=page,
            ).replace(b"Host: localhost", b"Host: app.acme.example")
        )
