"""What everything is compared with: pgbench, which commits one such row per transaction."""

import os
import shutil
import subprocess
from pathlib import Path

from bench.database import Database, find_program
from bench.load import build_event

PLAIN, OURS = "pgbench, plain table", "pgbench, our table"
TABLES = (PLAIN, OURS)


def create_plain_table(database: Database) -> None:
    """The least that a receiver without duplicates needs."""
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE bench_plain (id bigserial PRIMARY KEY, event_id text UNIQUE, event text,"
            " payload jsonb, received_at timestamptz DEFAULT now())"
        )


def run_pgbench(
    database: Database, folder: Path, table: str, *, senders: int, seconds: float, name: str
) -> float:
    """Commits per second of rows of this event name into the plain table or ours."""
    payload = build_event("event_" + "0" * 26, name).decode()
    statement = {
        PLAIN: "INSERT INTO bench_plain (event_id, event, payload) VALUES"
        f" ('event_' || :number, '{name}', '{payload}') ON CONFLICT (event_id) DO NOTHING;",
        OURS: "INSERT INTO webhooks_webhookevent (event_id, event, issued_at, created_at, received_at,"
        " payload, secret_name, status, reason, data_problems, attempts, unfinished_attempts, due_at,"
        f" awaited_organization_id) VALUES ('event_' || :number, '{name}', now(), now(), now(), '{payload}',"
        " 'current', 'waiting', '', '', 0, 0, now(), '') ON CONFLICT (event_id) DO NOTHING;",
    }[table]
    script = folder / "pgbench.sql"
    script.write_text(f"\\set number random(1, 1000000000000000)\n{statement}\n")
    result = subprocess.run(
        [
            *(shutil.which("pgbench") or find_program("pgbench"), "--no-vacuum", "--jobs", "1"),
            *("--client", str(senders), "--time", str(max(1, round(seconds))), "--file", str(script)),
        ],
        env={**os.environ, "PGHOST": database.host, "PGUSER": "postgres", "PGDATABASE": database.name},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("tps")]
    return float(line.split()[2])
