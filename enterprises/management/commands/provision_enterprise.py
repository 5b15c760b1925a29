import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

import gateway
from audit.actor import COMMAND_LINE
from enterprises import bulk_provisioning, conf, memberships, provisioning
from enterprises.management.reports import build_enterprise_report
from outbox.management.base import Command as BaseCommand


class Command(BaseCommand):
    help = """Enroll a customer company and create its Organization in WorkOS; or many, from a CSV file.

Safe to repeat: the slug is the key, and an interrupted attempt is completed. It asks before it enrolls a
second enterprise of the same name. Exits with 1 when WorkOS refuses or cannot be reached, or when the slug
belongs to an enterprise with other data, and with 2 for an invalid address or domain.

The CSV file has a header: name, and optionally slug, domains (separated by spaces), it_admin.

  manage.py provision_enterprise "Acme Inc." --domain acme.example --it-admin ada@acme.example
  manage.py provision_enterprise --csv enterprises.csv --json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help="the company's name")
        parser.add_argument("--slug", default="", help="its part of URLs (default: made from the name)")
        parser.add_argument(
            "--domain", action="append", default=[], help="a domain of theirs; may be repeated"
        )
        parser.add_argument(
            "--it-admin", metavar="EMAIL", help="who sets up SSO; they get an email to set a password"
        )
        parser.add_argument("--csv", metavar="FILE", type=Path, help="many at once; - reads standard input")
        parser.add_argument(
            "--per-minute", type=int, default=1500, help="with --csv, the rate limit (default: 1500)"
        )
        parser.add_argument(
            "--yes", action="store_true", help="do not ask about another enterprise of the same name"
        )
        self.add_dry_run_argument(parser)
        self.add_json_argument(parser)

    def handle(self, *, name: str | None, csv: Path | None, **options: Any) -> None:
        if (name is None) == (csv is None):
            raise CommandError("Give a name, or --csv with a file.", returncode=2)
        if options["per_minute"] < 1:
            raise CommandError("--per-minute is at least 1.", returncode=2)
        if csv is not None:
            self._provision_file(csv, **options)
        elif name is not None:
            self._provision_one(name, **options)

    def _provision_one(
        self,
        name: str,
        *,
        slug: str,
        domain: list[str],
        it_admin: str | None,
        yes: bool,
        dry_run: bool,
        json: bool,
        **options: Any,
    ) -> None:
        try:
            wanted = bulk_provisioning.parse_row(
                name=name, slug=slug, domains=domain, it_admin=it_admin or ""
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages), returncode=2) from error
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from error
        namesake = bulk_provisioning.find_namesake(wanted.name, wanted.slug)
        if dry_run:
            words = f"Would provision {wanted.name} as {wanted.slug}."
            if namesake:
                words += f" There is already {namesake.name} ({namesake.slug}): --yes is needed."
            self.write_report(
                wanted.as_dict() | {"namesake": namesake.slug if namesake else None, "dry_run": True},
                words,
                as_json=json,
            )
            return
        if namesake:
            self.confirm(
                f"There is already {namesake.name} ({namesake.slug}). Enroll {wanted.slug}, too? [y/N]",
                yes=yes,
            )
        try:
            with transaction.atomic():
                enterprise = provisioning.enroll(name=wanted.name, slug=wanted.slug, domains=wanted.domains)
                if wanted.it_admin:
                    memberships.add_it_admin(enterprise, wanted.it_admin, COMMAND_LINE, timezone.now())
        except provisioning.SlugConflict as error:
            raise CommandError(str(error)) from error

        try:
            provisioning.provision(enterprise, COMMAND_LINE)
        except gateway.GatewayError as error:
            again = "" if isinstance(error, gateway.Refused) else " Run the same command again, or wait."
            raise CommandError(
                f"{enterprise.name} is saved, but not provisioned: {error.describe()}{again} "
                "The worker will keep trying."
            ) from error
        page = f"{conf.site_url()}{enterprise.get_absolute_url()}"
        lines = [f"IT admin: {wanted.it_admin}"] if wanted.it_admin else []
        lines.append(self.style.SUCCESS(f"{enterprise.name} is provisioned: {enterprise.organization_id}"))
        self.write_report(
            build_enterprise_report(enterprise) | {"page": page},
            "\n".join([*lines, f"Its page: {page}"]),
            as_json=json,
        )

    def _provision_file(
        self, file: Path, *, per_minute: int, yes: bool, dry_run: bool, json: bool, **options: Any
    ) -> None:
        try:
            content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
            # Decoded here, because reading text would change line breaks inside of cells.
            rows = bulk_provisioning.parse_csv(content.decode("utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}", returncode=2) from error
        except ValueError as error:
            raise CommandError(f"{file}: {error}", returncode=2) from error
        bar = bulk_provisioning.ProgressBar(self.stderr, len(rows))
        done = bulk_provisioning.provision_rows(
            rows,
            per_minute=per_minute,
            allow_namesakes=yes,
            dry_run=dry_run,
            actor=COMMAND_LINE,
            report_progress=bar.advance,
        )
        bar.finish()
        failed = [row for row in done if row.error]
        words = [f"line {row.line}: {row.name or '(no name)'}: {row.error}" for row in failed]
        verb = "could be provisioned" if dry_run else "provisioned"
        words.append(f"{len(done) - len(failed)} of {len(done)} {verb}, {len(failed)} failed.")
        if failed and not dry_run:
            words.append("Fix those lines and run the same command again: it repeats nothing.")
        self.write_report([row.as_dict() for row in done], "\n".join(words), as_json=json)
        if failed:
            raise CommandError(f"{len(failed)} of {len(done)} failed.", returncode=1)
