"""Programs that some tests run, and that a machine may lack: `.ci/run` installs them in CI."""

import os
import shutil
import subprocess
from typing import NoReturn

import pytest


def require_program(program: str, package: str) -> str:
    """The path of a program. Without it the test is skipped, or fails: see `skip`."""
    path = shutil.which(program)
    if path is None:
        skip(f"{program} is not installed (apt-get install {package})", package)
    return path


def skip(reason: str, package: str) -> NoReturn:
    """Skip a test whose program is missing. In CI it fails if apt could have installed the package."""
    if os.environ.get("CI") and can_be_installed(package):
        pytest.fail(reason)
    pytest.skip(reason)


def can_be_installed(package: str) -> bool:
    if os.geteuid() != 0 or shutil.which("apt-cache") is None:
        return False
    return subprocess.run(["apt-cache", "show", package], capture_output=True).returncode == 0
