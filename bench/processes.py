"""Run a server or a worker on loopback, and count its CPU time and memory."""

import contextlib
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.report import ROOT

_START_SECONDS = 120
_STOP_SECONDS = 40


# For Python's -c in another checkout: this one's benchmarks and settings, and that one's application.
USE_OUR_BENCH = f"import bench; bench.__path__.insert(0, {str(ROOT / 'bench')!r}); "


@dataclass(frozen=True)
class RunningProcess:
    process: "subprocess.Popen[bytes]"
    # Of a server; 0 of a worker.
    port: int = 0

    def members(self) -> list[psutil.Process]:
        """The process and all that it has started."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def count_cpu(self) -> float:
        """Seconds of CPU, of all its processes."""
        return sum(sum(one.cpu_times()[:2]) for one in self.members())

    def count_memory(self) -> float:
        """Proportional set size in MB: what processes share counts once."""
        return float(sum(one.memory_full_info().pss for one in self.members()) / 1e6)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def raise_file_limit() -> None:
    """Each connection of a client needs a descriptor."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def run_process(
    arguments: Sequence[str], environment: dict[str, str], *, folder: Path = ROOT, program: str = ""
) -> Iterator[RunningProcess]:
    """Run Python (or another program) with these arguments, and end it with SIGTERM."""
    process = _start(arguments, environment, folder, program)
    try:
        yield RunningProcess(process)
    finally:
        _stop(process)


@contextlib.contextmanager
def run_server(
    arguments: Sequence[str],
    environment: dict[str, str],
    *,
    folder: Path = ROOT,
    program: str = "",
    port: int = 0,
) -> Iterator[RunningProcess]:
    """The same for a server, once it listens. `{port}` in an argument is replaced by its port.

    Without `port` it is a free one.
    """
    port = port or find_free_port()
    process = _start(
        [argument.replace("{port}", str(port)) for argument in arguments], environment, folder, program
    )
    try:
        _wait_until_listening(process, port, arguments)
        yield RunningProcess(process, port)
    finally:
        _stop(process)


def _start(
    arguments: Sequence[str], environment: dict[str, str], folder: Path, program: str
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [program or sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=None if environment.get("BENCH_LOG") else subprocess.DEVNULL,
    )


def _stop(process: "subprocess.Popen[bytes]") -> None:
    children = [] if process.poll() is not None else psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        process.kill()
        process.wait()


def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int, arguments: Sequence[str]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"{' '.join(arguments)} does not start; BENCH_LOG=on shows why")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
