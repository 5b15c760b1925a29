"""How many files a process of the web server may open, and so how many connections it keeps."""

import resource

from hostapp.server.connections import BACKLOG, MAX_CONNECTIONS


def raise_file_limit() -> None:
    """Raise this process's soft limit of open files to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def find_max_connections(threads: int) -> int:
    """How many connections a process keeps, so that it never runs out of file descriptors.

    Each thread may need one for the database, one for a file and one for a call to WorkOS.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(16, min(MAX_CONNECTIONS, soft - BACKLOG - 3 * threads - 64))
