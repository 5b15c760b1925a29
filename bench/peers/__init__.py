"""Other receivers of the same deliveries: the shortest honest programs, with WorkOS's SDK and a driver.

They are no part of the project. `make bench-peers` installs what they need into folders of their own; one
whose runtime or packages are missing is left out, and the report says so.
"""

import shutil
from pathlib import Path

from bench.receivers import Receiver

FOLDER = Path(__file__).resolve().parent
# Which `bench.reference` creates: an id, the event and its payload.
_TABLE = "bench_plain"
_PYTHON = FOLDER / "fastapi/.venv/bin/python"


def find_peers() -> tuple[list[Receiver], list[str]]:
    """The peers that can run, and why others cannot."""
    found, missing = [], []
    if _PYTHON.exists():
        found.append(
            Receiver(
                "FastAPI + SDK",
                [
                    *("-m", "uvicorn", "app:app", "--port", "{port}", "--workers", "2"),
                    *("--log-level", "error", "--no-access-log"),
                ],
                FOLDER / "fastapi",
                program=str(_PYTHON),
                table=_TABLE,
            )
        )
    else:
        missing.append("FastAPI is left out: its packages are not installed (`make bench-peers`).")
    node = shutil.which("node")
    if node and (FOLDER / "express/node_modules").exists():
        found.append(
            Receiver("Express + SDK", ["server.js", "{port}"], FOLDER / "express", program=node, table=_TABLE)
        )
    else:
        why = "its packages are not installed (`make bench-peers`)" if node else "there is no node"
        missing.append(f"Express is left out: {why}.")
    return found, missing
