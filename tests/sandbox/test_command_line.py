"""`python -m sandbox`."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.__main__ import main
from sandbox.pytest_plugin import run_sandbox
from tests.sandbox.conftest import create_client


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_command_prints_its_address_within_seconds_and_stops_on_sigterm() -> None:
    started_at = time.monotonic()
    process = start("--port", "0")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(4)]
    ready_at = time.monotonic()

    process.send_signal(signal.SIGTERM)
    code = process.wait(5)
    stopped_at = time.monotonic()
    process.stdout.close()

    assert "not WorkOS" in lines[0]
    assert "http://127.0.0.1:" in lines[1]
    assert code == 0
    assert ready_at - started_at < 5
    assert stopped_at - ready_at < 1


def test_port_in_use_is_named_and_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code = main(["--port", str(port)])

    assert code == 1
    assert f"Port {port} on 127.0.0.1 is in use" in capsys.readouterr().err


def test_command_listens_on_loopback_by_default() -> None:
    with run_sandbox() as sandbox:
        port = int(sandbox.url.rsplit(":", 1)[1])
        table = Path("/proc/net/tcp").read_text()

    addresses = [line.split()[1] for line in table.splitlines()[1:] if line.split()[3] == "0A"]
    assert [item for item in addresses if item.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


def test_command_warns_when_it_listens_on_the_network() -> None:
    process = start("--port", "0", "--host", "0.0.0.0")  # noqa: S104  (what the warning is about)
    assert process.stdout is not None
    output = "".join(process.stdout.readline() for _ in range(5))
    process.terminate()
    process.wait(5)
    process.stdout.close()

    assert "WARNING" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--seed", "nowhere.yaml"), "cannot read nowhere.yaml"),
        (("--switch", "nonsense=1"), "there is no switch 'nonsense'"),
        (("--freeze", "someday"), "someday"),
    ],
)
def test_invalid_option_stops_the_start_with_a_message(arguments: tuple[str, ...], message: str) -> None:
    process = start("--port", "0", *arguments)

    output, _ = process.communicate(timeout=10)

    assert process.returncode == 1
    assert message in output
    assert "Traceback" not in output


def test_request_log_omits_link_secrets() -> None:
    with run_sandbox() as quiet:
        assert quiet.url
    process = start("--port", "0")
    assert process.stdout is not None
    url = ""
    while not url:
        words = process.stdout.readline().split()
        url = words[1] if words[:1] == ["API"] else ""
    port = int(url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(
            b"GET /portal/launch?secret=link-secret HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        while client.recv(4096):
            continue
    process.terminate()
    output, _ = process.communicate(timeout=5)

    assert "GET /portal/launch 404" in output
    assert "link-secret" not in output


def test_command_stops_at_once_despite_a_hanging_response_and_a_waiting_retry() -> None:
    with run_sandbox("--webhook-url", "http://127.0.0.1:9/") as sandbox:
        client = create_client(sandbox)
        client.organizations.create_organization(name="Acme")
        client.close()
        sandbox.fault("hang", seconds=60, path="/organizations")
        port = int(sandbox.url.rsplit(":", 1)[1])
        hanging = socket.create_connection(("127.0.0.1", port))
        key = sandbox.api_key.encode()
        hanging.sendall(
            b"GET /organizations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + key + b"\r\n\r\n"
        )
        while sandbox.request("GET", "faults")["data"]:
            time.sleep(0.01)
        started = time.monotonic()

    assert time.monotonic() - started < 10
    hanging.close()
