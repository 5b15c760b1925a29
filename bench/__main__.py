"""Run benchmarks.

    python -m bench ingest --rounds 1     # one, with its options; `ingest --help` lists them
    python -m bench all                   # all of them, one after the other
    python -m bench all --write docs/benchmarks.md
    python -m bench all --smoke           # a second or two of each, as in CI

Each one starts its own PostgreSQL, with fsync, and prints Markdown. It exits with 1 when something failed or
a row was lost, and never because something was slow.
"""

import sys

from bench.commands import NAMES, main
from bench.run_all import run_all

if __name__ == "__main__":
    chosen, *arguments = sys.argv[1:] or ["--help"]
    if chosen == "all":
        run_all(arguments)
    elif chosen in NAMES:
        main(chosen, arguments)
    else:
        print(__doc__)
        print(f"The benchmarks: {', '.join(NAMES)}.")
        raise SystemExit(0 if chosen in ("-h", "--help") else 2)
