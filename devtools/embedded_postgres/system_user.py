"""Run the server for root: PostgreSQL refuses root, so the wheel runs it as the system user `pgserver`.

That user must be able to pass the folders above its data and its programs. The wheel makes all of them
readable for everybody, up to the root of the file system; here they stay as they are, and a folder that is
closed to others is refused in words.
"""

import os
import pwd
import stat
import tempfile
from pathlib import Path

from django.core.management import CommandError

USER = "pgserver"
OPEN_PARENTS = "EMBEDDED_POSTGRES_OPEN_PARENTS"


def is_needed() -> bool:
    return os.geteuid() == 0


def require_passable(path: Path) -> None:
    """Raise CommandError if other users cannot pass the folders above `path`.

    With EMBEDDED_POSTGRES_OPEN_PARENTS=on let them pass instead; they still cannot list these folders.
    """
    closed = [folder for folder in path.resolve().parents if not folder.stat().st_mode & stat.S_IXOTH]
    if not closed:
        return
    if os.environ.get(OPEN_PARENTS, "").strip().lower() in ("1", "on", "true", "yes"):
        for folder in closed:
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
        return
    raise CommandError(
        f"The embedded PostgreSQL cannot use {path}: for root it runs as the user {USER}, who cannot pass "
        f"{', '.join(map(str, closed))}. Keep the checkout in a folder that is open to all, use a user other "
        f"than root, set DATABASE_URL, or let all users pass these folders with {OPEN_PARENTS}=on."
    )


def create_socket_folder(name: str) -> Path:
    """A folder for the socket that `pgserver` can reach: root's own runtime folder is closed to it."""
    folder = Path(tempfile.gettempdir()) / f"embedded-postgres-{name}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        owners = {0, pwd.getpwnam(USER).pw_uid}
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
            raise CommandError(f"{folder} belongs to another user. Remove it.") from None
    return folder


def close_socket_folder(folder: Path) -> None:
    """Leave the socket to `pgserver` and root: whoever reaches it is not asked for a password."""
    user = pwd.getpwnam(USER)
    os.chown(folder, user.pw_uid, user.pw_gid)
    folder.chmod(0o700)
