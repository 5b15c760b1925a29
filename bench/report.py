"""What a benchmark found: tables for people, figures for programs, and problems, which make the run fail."""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
Cell = str | float | int | None


@dataclass
class Table:
    """Numbers below 10 are printed with two digits after the point, below 100 with one, others with none."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[Cell]] = field(default_factory=list)
    # Below the table: what to know to read it.
    note: str = ""


@dataclass
class Report:
    tables: list[Table] = field(default_factory=list)
    # All that was measured, for JSON.
    figures: Any = None
    # Errors and lost rows. Slowness is none.
    problems: list[str] = field(default_factory=list)
    # What was left out, and why.
    notes: list[str] = field(default_factory=list)


def format_number(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(value)
    return f"{value:.2f}" if size < 10 else f"{value:.1f}" if size < 100 else f"{value:,.0f}"


def format_range(values: Sequence[float]) -> str:
    """The median, and the range if there is one: `6,386 (6,254–6,930)`. Blank without values."""
    if not values:
        return ""
    median = format_number(float(statistics.median(values)))
    if len(values) == 1:
        return median
    return f"{median} ({format_number(float(min(values)))}–{format_number(float(max(values)))})"


def find_percentile(values: Sequence[float], percent: int) -> float:
    """The value below which so many percent of `values` are. NaN without values."""
    if len(values) < 2:
        return values[0] if values else float("nan")
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def format_table(table: Table) -> str:
    lines = [
        f"### {table.title}",
        "",
        f"| {' | '.join(table.columns)} |",
        "|---" * len(table.columns) + "|",
    ]
    lines += [f"| {' | '.join(format_number(cell) for cell in row)} |" for row in table.rows]
    if table.note:
        lines += ["", table.note]
    return "\n".join(lines) + "\n"


def format_report(report: Report) -> str:
    """As Markdown."""
    parts = [format_table(table) for table in report.tables]
    parts += [f"{note}\n" for note in report.notes]
    parts += [f"**Problem:** {problem}\n" for problem in report.problems]
    return "\n".join(parts)


def describe_machine() -> dict[str, str]:
    """The machine, the versions and the commit."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": _find_commit(),
        "processors": f"{os.cpu_count()} × {_find_processor()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": _find_postgresql(),
        **{name: version(name) for name in ("Django", "psycopg", "uvicorn")},
        "client": _find_first_line("wrk", "--version") if shutil.which("wrk") else "bench.load, in Python",
    }


def format_json(name: str, report: Report, machine: dict[str, str]) -> str:
    return json.dumps(
        {
            "benchmark": name,
            "machine": machine,
            "tables": [vars(table) for table in report.tables],
            "figures": report.figures,
            "notes": report.notes,
            "problems": report.problems,
        },
        indent=2,
        default=str,
    )


def _find_commit() -> str:
    try:
        commit = _find_first_line("git", "rev-parse", "--short", "HEAD")
        return f"{commit}, changed" if _find_first_line("git", "status", "--porcelain", "-uno") else commit
    except OSError:
        return "unknown"


def _find_processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _find_postgresql() -> str:
    from bench.database import find_program

    return _find_first_line(find_program("postgres"), "--version").removeprefix("postgres (PostgreSQL) ")


def _find_first_line(*command: str) -> str:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return next(iter(result.stdout.splitlines()), "").split(" Copyright")[0]


def report_progress(text: str) -> None:
    """For those who wait: on standard error, so that standard output is Markdown."""
    print(text, file=sys.stderr, flush=True)
