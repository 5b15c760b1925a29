import threading
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

import gateway
from audit.actions import Action
from audit.actor import COMMAND_LINE
from audit.log import append_audit_entry
from enterprises.management.reports import get_enterprise
from enterprises.models import Enterprise
from enterprises.people_reconcile import PeopleReport, find_directories, reconcile_people
from enterprises.reconcile import find_reconcilable, reconcile_enterprise
from mirror.models import Directory
from mirror.people_reading_models import PeopleReading
from outbox.management.base import Command as BaseCommand
from outbox.management.progress import Progress


class Command(BaseCommand):
    help = """Compare enterprises with WorkOS's API: organization, domains, connections, directories, people,
groups and memberships. Shows the differences; --apply writes what is newer in WorkOS.

Connections, directories and domains end only when WorkOS answers 404 for them, and people only when a
complete list lacks them. A list with more than 20 % and at least ten people fewer than we have is taken for a
fault, and changes nothing; so is such a list of groups, or of the members of a group. If the customer has
removed so many, give --accept-short-list, first without --apply to see who would end. Lists of people and
groups must still agree with the directory's own count. WorkOS does not count the members of a group.

Reads at most 4 pages of 100 people a second per directory. Safe to repeat and to interrupt: the next run
continues where this one ended.

Exits with 1 when something differs (with --apply: when something was not written or could not be read).

  manage.py reconcile
  manage.py reconcile acme-inc --json
  manage.py reconcile --apply
  manage.py reconcile acme-inc --apply --accept-short-list acme-inc
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slugs", nargs="*", metavar="SLUG", help="enterprises (default: all)")
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument("--check", action="store_true", help="only show the differences (default)")
        mode.add_argument("--apply", action="store_true", help="write what is newer in WorkOS")
        parser.add_argument(
            "--accept-short-list",
            action="append",
            default=[],
            metavar="SLUG",
            help="end all people that WorkOS no longer lists here, however many (asks; repeatable)",
        )
        self.add_yes_argument(parser)
        self.add_json_argument(parser)

    def handle(
        self,
        *,
        slugs: list[str],
        apply: bool,
        accept_short_list: list[str],
        yes: bool,
        json: bool,
        **options: Any,
    ) -> None:
        self._progress = Progress(self.stderr.write)
        enterprises = [get_enterprise(slug) for slug in dict.fromkeys(slugs)] or list(find_reconcilable())
        accepted = _find_accepted(accept_short_list, enterprises)
        if apply:
            self._confirm_short_lists(accepted, yes=yes)
        try:
            reports = [self._reconcile(one, writes=apply) for one in enterprises]
            self._reconcile_people(reports, accepted, writes=apply)
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. What was read is kept: run the same command again to go on."
            ) from None
        count = sum(one["difference_count"] for one in reports)
        left = [one for one in reports if one["error"] or one["problems"] or _has_kept(one)]
        verdict = _describe_verdict(count, len(reports), writes=apply)
        report = {"applied": apply, "difference_count": count, "enterprises": reports}
        self.write_report(report, "\n".join([*_format_reports(reports), verdict]), as_json=json)
        if left:
            raise CommandError("Not everything could be compared or used: see above.")
        if count and not apply:
            raise CommandError("Run the command with --apply to write the differences.")

    def _confirm_short_lists(self, accepted: Sequence[Enterprise], *, yes: bool) -> None:
        for enterprise in accepted:
            self.confirm(
                f"{enterprise.name}: people, groups and memberships that WorkOS does not list will end, "
                f"however many they are. Type {enterprise.slug} to go on:",
                yes=yes,
                answer=enterprise.slug,
            )
        for enterprise in accepted:
            append_audit_entry(enterprise, Action.SHORT_LIST_ACCEPTED, COMMAND_LINE, timezone.now())

    def _reconcile(self, enterprise: Enterprise, *, writes: bool) -> dict[str, Any]:
        self._progress.show(enterprise.name)
        report: dict[str, Any] = {
            "slug": enterprise.slug,
            "name": enterprise.name,
            "organization_id": enterprise.organization_id,
            "error": "",
            "differences": [],
            "problems": [],
            "directories": [],
        }
        if enterprise.provisioning != Enterprise.Provisioning.READY:
            report["error"] = f"It is not provisioned: {enterprise.provisioning.label}."
        else:
            try:
                found = reconcile_enterprise(enterprise, now=timezone.now(), writes=writes)
                report["differences"], report["problems"] = found.differences, found.problems
            except gateway.GatewayError as error:
                report["error"] = error.describe()
        report["difference_count"] = len(report["differences"])
        return report

    def _reconcile_people(
        self, reports: Sequence[dict[str, Any]], accepted: Sequence[Enterprise], *, writes: bool
    ) -> None:
        by_organization = {one["organization_id"]: one for one in reports if not one["error"]}
        directories = list(find_directories([one for one in by_organization if one]))
        people = reconcile_people(
            directories,
            writes=writes,
            stop=threading.Event(),
            accepted_organization_ids=[str(one.organization_id) for one in accepted],
            report_progress=self._show_reading,
        )
        for found in people:
            _add_people(by_organization[found.directory.organization_id], found)

    def _show_reading(self, directory: Directory, reading: PeopleReading) -> None:
        people = reading.listed_active + reading.listed_inactive
        place = f", members of the group {reading.group_id}" if reading.group_id else ""
        self._progress.show(f"{directory.directory_id}: {people:,} people read{place}")


def _find_accepted(slugs: Sequence[str], enterprises: Sequence[Enterprise]) -> list[Enterprise]:
    if unknown := set(slugs) - {one.slug for one in enterprises}:
        raise CommandError(
            f"--accept-short-list names {', '.join(sorted(unknown))}, which is not compared.", returncode=2
        )
    return [one for one in enterprises if one.slug in slugs]


def _add_people(report: dict[str, Any], found: PeopleReport) -> None:
    directory: dict[str, Any] = {"directory_id": found.directory.directory_id, "error": found.error}
    if reading := found.reading:
        directory |= {
            "people": reading.listed_active + reading.listed_inactive,
            "groups": reading.listed_groups,
            "requests": reading.requests,
            "difference_count": reading.difference_count,
        }
        report["differences"] += reading.differences
        report["difference_count"] += reading.difference_count
        report["problems"] += reading.problems
    if found.error:
        report["error"] = f"{found.directory.directory_id}: {found.error}"
    report["directories"].append(directory)


def _has_kept(report: dict[str, Any]) -> bool:
    return any(line.endswith("(kept: ours is as new)") for line in report["differences"])


def _format_reports(reports: Sequence[dict[str, Any]]) -> list[str]:
    lines = []
    for one in reports:
        details = [f"  {line}" for line in one["differences"]]
        if (more := one["difference_count"] - len(one["differences"])) > 0:
            details.append(f"  … and {more:,} more")
        details += [f"  Note: {line}" for line in one["problems"]]
        if one["error"]:
            details.append(f"  Not compared: {one['error']}")
        if details:
            lines += [f"{one['name']} ({one['slug']})", *details]
    return lines


def _describe_verdict(count: int, enterprises: int, *, writes: bool) -> str:
    compared = f"{enterprises:,} enterprise{'' if enterprises == 1 else 's'} compared"
    if not count:
        return f"{compared}: no differences."
    noun = "difference" if count == 1 else "differences"
    return f"{compared}: {count:,} {noun}{', written unless marked as kept' if writes else ''}."
