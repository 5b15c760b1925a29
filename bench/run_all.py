"""`python -m bench all`: each benchmark in a process of its own, on one PostgreSQL; and the page."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.commands import NAMES
from bench.database import run_database
from bench.report import ROOT, Report, Table, describe_machine, format_report, report_progress

# What stands between these two lines of a page is replaced.
_BEGIN, _END = "<!-- measured: {name} -->", "<!-- end of measured -->"
# A smoke run measures nothing, so that several may run at once.
_SMOKES_AT_ONCE = 3
# It runs when no other does.
_STOPS_POSTGRESQL = "durability"


def run_all(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench all")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"(default: {' '.join(NAMES)})")
    parser.add_argument("--smoke", action="store_true", help="a second or two of each, as in CI")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables into this page")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    options = parser.parse_args(arguments)
    names = options.names or [name for name in NAMES if find_spec(f"bench.{name}")]
    if unknown := sorted(set(names) - set(NAMES)):
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(NAMES)}")
    machine = describe_machine()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, run_database() as database:
        os.environ["BENCH_SERVER"] = str(database.folder)
        files = {name: Path(folder) / f"{name}.json" for name in names}

        def run_one(name: str) -> bool:
            return _run_one(name, files[name], is_smoke=options.smoke)

        with ThreadPoolExecutor(_SMOKES_AT_ONCE if options.smoke else 1) as pool:
            together = [name for name in names if name != _STOPS_POSTGRESQL]
            ended = dict(zip(together, pool.map(run_one, together), strict=True))
        if _STOPS_POSTGRESQL in names:
            ended[_STOPS_POSTGRESQL] = run_one(_STOPS_POSTGRESQL)
        found = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    if options.json:
        options.json.write_text(json.dumps(list(found.values()), indent=2))
    if options.write:
        write_page(options.write, machine, found.values())
    if failed := [name for name, is_good in ended.items() if not is_good]:
        raise SystemExit(f"failed: {', '.join(failed)}")


def write_page(page: Path, machine: dict[str, str], found: Iterable[dict[str, Any]]) -> None:
    """Replace the tables of these benchmarks and the machine in the page."""
    text = page.read_text()
    text = _replace(text, "machine", "".join(f"* {name}: {value}\n" for name, value in machine.items()))
    for one in found:
        report = Report(
            tables=[Table(**table) for table in one["tables"]],
            notes=one["notes"],
            problems=one["problems"],
        )
        text = _replace(text, one["benchmark"], format_report(report))
    page.write_text(text)


def _replace(text: str, name: str, measured: str) -> str:
    begin = _BEGIN.format(name=name)
    pattern = re.escape(begin) + r"\n.*?" + re.escape(_END)
    replaced, count = re.subn(
        pattern, lambda _: f"{begin}\n\n{measured.strip()}\n\n{_END}", text, flags=re.DOTALL
    )
    if count != 1:
        raise SystemExit(f"the page needs one place {begin} … {_END}")
    return replaced


def _run_one(name: str, file: Path, *, is_smoke: bool) -> bool:
    """Run a benchmark and print what it prints. Returns whether it found no problem."""
    started = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-m", "bench", name, "--json", str(file), *(["--smoke"] if is_smoke else [])],
        cwd=ROOT,
        env={**os.environ, **({"BENCH_PROCESSES": "1"} if is_smoke else {})},
        capture_output=is_smoke,
        text=True,
        check=False,
    )
    if is_smoke and result.returncode:
        print(result.stdout, flush=True)
        report_progress(result.stderr)
    word = "failed" if result.returncode else "done"
    report_progress(f"{name}: {word} in {time.monotonic() - started:.0f} s")
    return result.returncode == 0
