"""The pytest fixture `sandbox`: a running stand-in for WorkOS that is empty at the start of each test.

Enable it with ``pytest_plugins = ["sandbox.pytest_plugin"]`` in the root conftest.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from sandbox.client import Sandbox

# In order, with short delays, and without a limit that makes a client wait.
FAST_SWITCHES = (
    "concurrency=1",
    "retry_delays=[0.05, 0.1, 0.2]",
    "webhook_timeout=5",
    "directory_requests_per_second=100000",
)


@contextmanager
def run_sandbox(*arguments: str) -> Iterator[Sandbox]:
    """Run a sandbox on a free port until the block ends. Raises RuntimeError if it does not start."""
    with tempfile.TemporaryFile("w+") as stderr:
        process = subprocess.Popen(  # noqa: S603  (this interpreter, this package)
            [sys.executable, "-m", "sandbox", "--port", "0", "--quiet", *arguments],
            # Run the same package that is imported here, whatever the working directory.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_build_import_path())},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        try:
            yield Sandbox(url=_read_url(process, stderr))
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
            if process.stdout:
                process.stdout.close()


def _build_import_path() -> list[str]:
    inherited = os.environ.get("PYTHONPATH")
    return [str(Path(__file__).parents[1]), *([inherited] if inherited else [])]


def _read_url(process: "subprocess.Popen[str]", stderr: IO[str]) -> str:
    for line in process.stdout or ():
        if line.split()[:1] == ["API"]:
            return line.split()[1]
    process.wait(10)
    stderr.seek(0)
    raise RuntimeError(f"the sandbox did not start: {stderr.read()}")


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[Sandbox]:
    """One process per test session; with pytest-xdist one per worker."""
    switches = [part for item in FAST_SWITCHES for part in ("--switch", item)]
    with run_sandbox(*switches) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Sandbox:
    """The running sandbox, reset."""
    sandbox_process.reset()
    return sandbox_process
