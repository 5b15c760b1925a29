"""The base of every command here: help with an example, exit codes, JSON, one way to confirm.

A command that reports takes `--json`, one that changes something `--dry-run`, and one that asks `--yes`. It
ends without a traceback when nobody reads its output, when it is interrupted, and when the database is away.
"""

import json
import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import InterfaceError, OperationalError

from outbox.failures import describe_error

EXIT_CODES = "Exit codes: 0 done, 1 something failed or needs attention, 2 invalid arguments."


def count_of(count: int, noun: str, plural: str = "") -> str:
    """`1 event`, `2 events`."""
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


class Command(BaseCommand):
    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, epilog=EXIT_CODES, **kwargs
        )

    def add_json_argument(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON")

    def add_dry_run_argument(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would be done, and change nothing"
        )

    def add_yes_argument(self, parser: ArgumentParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def write_report(self, report: Any, text: str, *, as_json: bool) -> None:
        """Print the report as JSON, or `text`. An empty text is not printed."""
        if as_json:
            self.stdout.write(json.dumps(report, indent=2, cls=DjangoJSONEncoder))
        elif text:
            self.stdout.write(text)

    def confirm(self, question: str, *, yes: bool, answer: str = "y") -> None:
        """Ask on standard error, so that JSON stays JSON. Returns if the answer is `answer`, or with `yes`.

        Raises CommandError, with the code 2 if there is nobody to ask.
        """
        if yes:
            return
        self.stderr.write(f"{question} ", lambda text: text, ending="")
        self.stderr.flush()
        try:
            typed = input().strip()
        except (EOFError, RuntimeError):
            # Standard input is empty or closed, as under cron.
            raise CommandError("There is nobody to ask: add --yes. Nothing was done.", returncode=2) from None
        if typed != answer and not (answer == "y" and typed.lower() in ("y", "yes")):
            raise CommandError("Nothing was done.")

    def run_from_argv(self, argv: list[str]) -> None:
        try:
            try:
                super().run_from_argv(argv)
            finally:
                if sys.stdout is not None:
                    sys.stdout.flush()
        except BrokenPipeError:
            # Nobody reads what we print, as after `| head`. Python would complain again at its exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except KeyboardInterrupt:
            self.stderr.write("\nInterrupted. What is done stays done; the command can be repeated.")
            sys.exit(1)
        except (OperationalError, InterfaceError) as error:
            if "--traceback" in argv:
                raise
            self.stderr.write(f"The database cannot be used: {describe_error(error).strip()}")
            sys.exit(1)
