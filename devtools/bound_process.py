"""Become a command that ends when its parent ends, even if that is killed.

`python -m devtools.bound_process PARENT_PID COMMAND …`. Anywhere but on Linux the command runs without it.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(command: list[str], *, parent_pid: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent_pid:
            return
    os.execvp(command[0], command)  # noqa: S606 - our own commands


if __name__ == "__main__":
    main(sys.argv[2:], parent_pid=int(sys.argv[1]))
