"""A pytest fixture: `sandbox`, a run_sandbox stand-in for WorkOS that is empty at the start of each test.

Switch it on with ``pytest_plugins = ["sandbox.pytest_plugin"]`` in the root conftest.
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

# In order and without long waits; a test that wants the world's manners switches them.
FAST_SWITCHES = ("concurrency=1", "retry_delays=[0.05, 0.1, 0.2]", "webhook_timeout=5")


@contextmanager
def run_sandbox(*arguments: str) -> Iterator[Sandbox]:
    """A sandbox of its own on a free port, ended afterwards. Raises RuntimeError if it does not start."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(  # noqa: S603  (this interpreter, our own module)
            [sys.executable, "-m", "sandbox", "--port", "0", "--quiet", *arguments],
            # Wherever the tests are run from: the sandbox that runs is the one that was imported.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_import_path())},
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        try:
            yield Sandbox(url=_address(process, said))
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


def _import_path() -> list[str]:
    known = os.environ.get("PYTHONPATH")
    return [str(Path(__file__).parents[1]), *([known] if known else [])]


def _address(process: "subprocess.Popen[str]", said: IO[str]) -> str:
    for line in process.stdout or ():
        if line.split()[:1] == ["API"]:
            return line.split()[1]
    process.wait(10)
    said.seek(0)
    raise RuntimeError(f"the sandbox did not start: {said.read()}")


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[Sandbox]:
    """One process a test session, and one a worker where tests run side by side."""
    switches = [part for item in FAST_SWITCHES for part in ("--switch", item)]
    with run_sandbox(*switches) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Sandbox:
    sandbox_process.reset()
    return sandbox_process
