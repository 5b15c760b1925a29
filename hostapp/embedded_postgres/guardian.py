"""Wait until nobody uses the embedded PostgreSQL, then stop it."""

import fcntl
import os
import sys
from pathlib import Path

from hostapp.embedded_postgres import guardian_lock, held_elsewhere, server, users_lock


def main(folder: Path) -> None:
    # The guardian's lock is given back first: whoever then gets the users' lock must find no guardian.
    with users_lock(folder).open("a") as users, guardian_lock(folder).open("a") as guardian:
        if held_elsewhere(guardian):
            return
        # Granted when the last user has ended; whoever comes now waits until the server is down.
        fcntl.flock(users, fcntl.LOCK_EX)
        if (folder / "postmaster.pid").exists():
            server(folder).stop()


if __name__ == "__main__":
    if os.fork():
        os._exit(0)
    # Ctrl-C ends the users, and the guardian after them.
    os.setsid()
    main(Path(sys.argv[1]))
