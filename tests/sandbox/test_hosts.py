"""No website can reach the sandbox through a name of its own, or through a page that hides its origin."""

import http.client
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.allowed_hosts import AllowedHosts
from sandbox.client import Sandbox
from sandbox.pytest_plugin import run_sandbox


def request(sandbox: Sandbox, method: str, path: str, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", int(sandbox.url.rsplit(":", 1)[1]), timeout=10)
    connection.request(method, path, b"{}" if method != "GET" else None, headers)
    status = connection.getresponse().status
    connection.close()
    return status


PATHS = [
    ("GET", "/_sandbox/state"),
    ("GET", "/_sandbox/mails"),
    ("PUT", "/_sandbox/webhook"),
    ("GET", "/"),
    ("GET", "/organizations"),
    ("POST", "/organizations"),
    ("GET", "/portal/launch"),
    ("GET", "/_sandbox/static/icon.svg"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "203.0.113.7"]
)
def test_foreign_host_is_refused_everywhere(sandbox: Sandbox, method: str, path: str, host: str) -> None:
    port = sandbox.url.rsplit(":", 1)[1]
    headers = {
        "Host": f"{host}:{port}",
        "Origin": f"http://{host}:{port}",
        "Authorization": "Bearer sk_test_x",
    }

    assert request(sandbox, method, path, headers) == 403


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:4100", "[::1]:4100", "LOCALHOST:1", "acme.localhost", "127.0.0.2"]
)
def test_loopback_names_are_answered(sandbox: Sandbox, host: str) -> None:
    assert request(sandbox, "GET", "/_sandbox/health", {"Host": host}) == 200


@pytest.mark.slow
def test_names_of_the_command_line_are_answered() -> None:
    with run_sandbox("--public-url", "https://workos.internal", "--allow-host", "sandbox") as sandbox:
        for host, status in (("workos.internal", 200), ("sandbox:4100", 200), ("evil.example", 403)):
            assert request(sandbox, "GET", "/_sandbox/health", {"Host": host}) == status


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("", False),
        (":4100", False),
        ("localhost:x", False),
        ("localhost:99999", False),
        ("ada@localhost", False),
        ("localhost/", False),
        ("[::1", False),
        ("localhost, evil.example", False),
        ("localhost.", True),
        ("192.168.1.5", False),
        ("::1", False),
    ],
)
def test_malformed_host_is_not_allowed(host: str, allowed: bool) -> None:
    assert AllowedHosts().allow(host) is allowed


def test_address_is_allowed_where_the_network_may_connect() -> None:
    assert AllowedHosts(any_address=True).allow("192.168.1.5:4100")
    assert not AllowedHosts(any_address=True).allow("evil.example:4100")


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "http://[", "", "http://localhost:1"])
@pytest.mark.parametrize("path", ["/_sandbox/seed", "/_sandbox/dashboard/reset"])
def test_request_of_a_hidden_or_foreign_origin_is_refused(sandbox: Sandbox, origin: str, path: str) -> None:
    assert request(sandbox, "POST", path, {"Origin": origin}) == 403


@pytest.mark.slow
def test_webhook_secret_of_the_environment_signs_and_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_WEBHOOK_SECRET", "whsec_of-the-environment")
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--port", "0", "--webhook-url", "http://localhost:9/"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(5)]
    arguments = Path(f"/proc/{process.pid}/cmdline").read_text()
    sandbox = Sandbox(url=lines[1].split()[1])
    (endpoint,) = sandbox.state()["webhook_endpoints"]
    process.terminate()
    process.communicate(timeout=10)

    assert endpoint["secret"] == "whsec_of-the-environment"
    assert "whsec" not in "".join(lines) + arguments
