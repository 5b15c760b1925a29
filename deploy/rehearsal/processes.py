"""The processes of the rehearsal, on loopback. Only these are ever signalled."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
# A machine with two cores starts five of them at once.
_SECONDS = 60.0


def find_free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = _SECONDS) -> None:
    """Wait until `condition()` is true. Raises TimeoutError, naming `what`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} seconds")
        time.sleep(0.05)


class ManagedProcess:
    """One process of the application or the proxy, and how it is started again."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, *, port: int = 0
    ) -> None:
        """`port`: where it answers /healthz, if it does."""
        self.name = name
        self.port = port
        self._command = command
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=dict(self._environment), stdout=log, stderr=log
            )

    def wait_until_ready(self) -> None:
        if self.port:
            wait_until(self._answers, f"{self.name} answers")

    def signal(self, number: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(number)

    def stop(self) -> None:
        """Stop it gracefully, and wait for its end."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """End it and its children at once, as when memory runs out or the power fails."""
        if self._process is None:
            return
        try:
            family = [*psutil.Process(self._process.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            family = []
        self._process.kill()
        self._process.wait()
        for one in family:
            # psutil remembers when each was started: a process id that is in use again is not signalled.
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family, timeout=_SECONDS)

    def restart(self) -> None:
        self.stop()
        self.start()
        self.wait_until_ready()

    def kill_and_start(self) -> None:
        self.kill()
        self.start()
        self.wait_until_ready()

    def measure_memory(self) -> float:
        """Megabytes of it and its children, each shared page divided among those that share it (PSS)."""
        if self._process is None:
            return 0
        process = psutil.Process(self._process.pid)
        family = [process, *process.children(recursive=True)]
        # Linux only.
        return sum(getattr(one.memory_full_info(), "pss", 0) for one in family) / 1e6

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{self.name} did not start: see {self._log}")
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            client.request("GET", "/healthz")
            return client.getresponse().status == 200
        except OSError:
            return False
        finally:
            client.close()


class Database:
    """The embedded PostgreSQL, which can be restarted. It stops when this process ends."""

    def __init__(self, folder: Path) -> None:
        from devtools.embedded_postgres import ensure_running

        self._folder = folder / "data"
        self.socket_folder = ensure_running(self._folder)

    @property
    def url(self) -> str:
        return f"postgres://postgres@/postgres?host={self.socket_folder}"

    def restart(self) -> None:
        """End all sessions, as `systemctl restart postgresql` does, and start it again."""
        pid_file = self._folder / "postmaster.pid"
        server = psutil.Process(int(pid_file.read_text().splitlines()[0]))
        command, user = server.cmdline(), server.uids().real
        server.send_signal(signal.SIGINT)
        server.wait(_SECONDS)
        # As its own user: PostgreSQL refuses root.
        subprocess.Popen(
            command,
            user=None if user == os.getuid() else user,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(self._accepts_connections, "PostgreSQL accepts connections")

    def _accepts_connections(self) -> bool:
        import psycopg

        try:
            psycopg.connect(f"host={self.socket_folder} user=postgres dbname=postgres").close()
        except psycopg.OperationalError:
            return False
        return True


def run_manage_command(environment: Mapping[str, str], *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=dict(environment),
        check=True,
        stdout=subprocess.DEVNULL,
    )
