"""Wait until no process uses the embedded PostgreSQL, then stop it."""

import fcntl
import os
import signal
import sys
import time
from pathlib import Path

import psutil

from devtools.embedded_postgres import guardian_lock_path, try_lock, users_lock_path

_STOP_SECONDS = 30.0


def main(folder: Path) -> None:
    # Leaving the block releases the guardian's lock first: a process that then gets the users' lock finds no
    # guardian and starts one.
    with users_lock_path(folder).open("a") as users, guardian_lock_path(folder).open("a") as guardian:
        if not try_lock(guardian):
            return
        # Granted when the last user has ended. A new one waits until the server is down.
        fcntl.flock(users, fcntl.LOCK_EX)
        stop_server(folder)


def stop_server(folder: Path) -> None:
    """Stop the server of `folder` if it runs.

    Asks the process itself and not the wheel, which would first create what is missing: the folder may be in
    the middle of its deletion.
    """
    pid_file = folder / "postmaster.pid"
    try:
        server = psutil.Process(int(pid_file.read_text().splitlines()[0]))
        # After a crash of the machine the process id may belong to another program.
        if str(folder.resolve()) not in server.cmdline():
            return
        # SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one. It deletes the file at the end.
        server.send_signal(signal.SIGINT)
        deadline = time.monotonic() + _STOP_SECONDS
        while pid_file.exists():
            if time.monotonic() > deadline:
                server.send_signal(signal.SIGQUIT)
                return
            time.sleep(0.02)
    except (FileNotFoundError, psutil.NoSuchProcess):
        return


if __name__ == "__main__":
    if os.fork():
        os._exit(0)
    # Ctrl-C ends the users, and the guardian after them.
    os.setsid()
    main(Path(sys.argv[1]))
