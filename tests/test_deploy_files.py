"""The files of deploy/ hold together, as far as that can be tried here."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy import try_files
from deploy.rehearsal.processes import find_free_ports
from deploy.rehearsal.proxy import Addresses, build_proxy, find_missing
from deploy.try_files import FILES, NotTried, Wrong
from tests import programs
from tests.processes import create_open_folder, wait_until

# The Debian packages of the programs with which files are tried.
PACKAGES = {"nginx.conf": "nginx", "Caddyfile": "caddy", "systemd/": "systemd"}


@pytest.mark.parametrize("name", FILES)
def test_file_can_be_used(name: str, tmp_path: Path) -> None:
    try:
        FILES[name](tmp_path)
    except NotTried as reason:
        programs.skip(str(reason), PACKAGES[name])


@pytest.mark.parametrize(
    ("name", "file", "old", "new"),
    [
        ("systemd/", "systemd/portal-host-worker@.service", "ProtectHome=yes", "ProtectHome=perhaps"),
        ("compose.yaml", "compose.yaml", "secrets: [postgres_password]", "secrets: [password]"),
        ("Procfile", "Procfile", "manage.py worker", "manage.py labourer"),
    ],
)
def test_mistake_in_a_file_is_found(
    name: str, file: str, old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "deploy"
    shutil.copytree(try_files.DEPLOY, copy)
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new))
    monkeypatch.setattr(try_files, "DEPLOY", copy)
    (folder := tmp_path / "work").mkdir()

    try:
        with pytest.raises(Wrong):
            FILES[name](folder)
    except NotTried as reason:
        programs.skip(str(reason), PACKAGES[name])


class _Site(BaseHTTPRequestHandler):
    """Stands for the application: answers every request with 200."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        """Print nothing."""


@pytest.fixture
def site() -> Iterator[int]:
    """The port of a site."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_proxy_passes_pages_on_but_not_the_metrics(kind: str, site: int) -> None:
    if missing := find_missing(kind):
        programs.skip(missing, kind)
    with create_open_folder("proxy-") as folder:
        port, plain = find_free_ports(2)
        addresses = Addresses([site, site], site, proxy=port, plain=plain)
        proxy = build_proxy(kind, folder, addresses)
        with subprocess.Popen(proxy.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:

                def ask(path: str) -> int:
                    client = HTTPSConnection("localhost", addresses.proxy, context=proxy.context, timeout=10)
                    with suppress(OSError), closing(client):
                        client.request("GET", path)
                        return client.getresponse().status
                    return 0

                wait_until(lambda: ask("/account/login/") == 200)
                assert [ask(path) for path in ("/metrics", "/%6Detrics", "//metrics")] == [404] * 3
            finally:
                process.terminate()


@pytest.mark.parametrize(
    ("ci", "is_known", "expected"),
    [
        ("true", True, pytest.fail.Exception),
        ("true", False, pytest.skip.Exception),
        ("", True, pytest.skip.Exception),
    ],
)
def test_missing_program_fails_only_in_ci_that_could_install_it(
    ci: str, is_known: bool, expected: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(programs, "can_be_installed", lambda package: is_known)

    with pytest.raises(expected, match="no-such-program is not installed"):
        programs.require_program("no-such-program", "no-such-package")
