"""`python -m sandbox`…"""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.__main__ import main
from sandbox.pytest_plugin import run_sandbox
from tests.sandbox.conftest import client_of


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_says_what_it_is_and_where_within_seconds_and_ends_at_once() -> None:
    began = time.monotonic()
    process = start("--port", "0")
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(4)]
    started = time.monotonic() - began

    process.send_signal(signal.SIGTERM)
    code = process.wait(5)
    ended = time.monotonic() - began - started
    process.stdout.close()

    assert "not WorkOS" in said[0]
    assert "http://127.0.0.1:" in said[1]
    assert code == 0
    assert started < 5
    assert ended < 1


def test_says_which_port_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code = main(["--port", str(port)])

    assert code == 1
    assert f"Port {port} on 127.0.0.1 is in use" in capsys.readouterr().err


def test_listens_on_loopback_alone_unless_told_otherwise() -> None:
    with run_sandbox() as sandbox:
        port = int(sandbox.url.rsplit(":", 1)[1])
        table = Path("/proc/net/tcp").read_text()

    addresses = [line.split()[1] for line in table.splitlines()[1:] if line.split()[3] == "0A"]
    assert [item for item in addresses if item.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


def test_warns_when_others_can_reach_it() -> None:
    process = start("--port", "0", "--host", "0.0.0.0")  # noqa: S104  (what the warning is about)
    assert process.stdout is not None
    said = "".join(process.stdout.readline() for _ in range(5))
    process.terminate()
    process.wait(5)
    process.stdout.close()

    assert "WARNING" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--seed", "nowhere.yaml"), "cannot read nowhere.yaml"),
        (("--switch", "nonsense=1"), "there is no switch 'nonsense'"),
        (("--freeze", "someday"), "someday"),
    ],
)
def test_does_not_start_on_what_it_cannot_read(arguments: tuple[str, ...], said: str) -> None:
    process = start("--port", "0", *arguments)

    output, _ = process.communicate(timeout=10)

    assert process.returncode == 1
    assert said in output
    assert "Traceback" not in output


def test_keeps_secrets_of_links_out_of_what_it_prints() -> None:
    with run_sandbox() as quiet:
        assert quiet.url
    process = start("--port", "0")
    assert process.stdout is not None
    url = ""
    while not url:
        words = process.stdout.readline().split()
        url = words[1] if words[:1] == ["API"] else ""
    port = int(url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.sendall(
            b"GET /portal/launch?secret=tell-nobody HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        while plain.recv(4096):
            continue
    process.terminate()
    output, _ = process.communicate(timeout=5)

    assert "GET /portal/launch 404" in output
    assert "tell-nobody" not in output


def test_ends_at_once_though_an_answer_hangs_and_a_retry_waits() -> None:
    with run_sandbox("--webhook-url", "http://127.0.0.1:9/") as sandbox:
        client = client_of(sandbox)
        client.organizations.create_organization(name="Acme")
        client.close()
        sandbox.fault("hang", seconds=60, path="/organizations")
        port = int(sandbox.url.rsplit(":", 1)[1])
        hanging = socket.create_connection(("127.0.0.1", port))
        key = sandbox.api_key.encode()
        hanging.sendall(
            b"GET /organizations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key + b"\r\n\r\n"
        )
        while sandbox.request("GET", "faults")["data"]:
            time.sleep(0.01)
        began = time.monotonic()

    assert time.monotonic() - began < 1.5
    hanging.close()
