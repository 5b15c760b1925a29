"""The benchmarks by name, and how one is run. `bench.__main__` runs them, and each module runs itself.

A benchmark is a module with a docstring, SMOKE (the arguments of a run of a second or two, for CI),
`add_arguments(parser)` and `run(options) -> Report`.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from bench.report import Report, describe_machine, format_json, format_report

# In the order of docs/benchmarks.md.
NAMES = (
    "ingest",
    "apply",
    "latency",
    "fairness",
    "leavers",
    "outbox",
    "growth",
    "pages",
    "isolation",
    "durability",
)


class Benchmark(Protocol):
    SMOKE: Sequence[str]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, options: argparse.Namespace) -> Report: ...


@dataclass(frozen=True)
class Output:
    json: Path | None
    markdown: Path | None


def main(name: str, arguments: Sequence[str] | None = None) -> None:
    """Run one benchmark as a program: Markdown on standard output, exit status 1 if there are problems."""
    module = import_module(f"bench.{name}")
    benchmark = cast("Benchmark", module)
    parser = argparse.ArgumentParser(
        prog=f"python -m bench {name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--smoke", action="store_true", help="a run of a second or two, as in CI")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there, too")
    benchmark.add_arguments(parser)
    given = list(sys.argv[1:] if arguments is None else arguments)
    # What is given explicitly comes last and wins.
    options = parser.parse_args([*benchmark.SMOKE, *given] if "--smoke" in given else given)
    machine = describe_machine()
    report = benchmark.run(options)
    _write(name, report, machine, Output(options.json, options.markdown))
    if report.problems:
        raise SystemExit(f"{name}: {'; '.join(report.problems)}")


def _write(name: str, report: Report, machine: dict[str, str], output: Output) -> None:
    text = format_report(report)
    print(text, flush=True)
    if output.markdown:
        output.markdown.write_text(text)
    if output.json:
        output.json.write_text(format_json(name, report, machine))
