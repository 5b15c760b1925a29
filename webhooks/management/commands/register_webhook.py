import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

import gateway
from enterprises import conf as enterprises_conf
from outbox.management.base import Command as BaseCommand
from outbox.management.base import count_of
from webhooks.registration import (
    EndpointChange,
    apply_change,
    build_endpoint_url,
    find_endpoints,
    is_postable,
    plan_changes,
)

_DIRECTORY_NOTICE = """\
dsync.* events: from now on WorkOS sends one for each person, group and membership that changes, and the first
sync of a directory sends all of them: 100,000 and more. It sends nothing of the past. Once the endpoint is
saved, seed what is there already with `manage.py reconcile --apply`."""


class Command(BaseCommand):
    help = """Create our webhook endpoint at WorkOS, or update it, for exactly the events that have a handler.

Shows what changes and asks. WorkOS makes the secret of a new endpoint. It goes into a file that only you can
read (--secret-file), or once onto your terminal: put it into WORKOS_WEBHOOK_SECRET and restart. The secret of
an endpoint that exists is written by --secret-file. Safe to repeat; prints nothing when nothing is to do.

  manage.py register_webhook --secret-file webhook_secret
  manage.py register_webhook --dry-run --json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--url", help="where WorkOS posts to, such as a tunnel's (default: made from SITE_URL)"
        )
        parser.add_argument(
            "--secret-file", type=Path, metavar="FILE", help="a new file for the secret, with the mode 0600"
        )
        self.add_yes_argument(parser)
        self.add_dry_run_argument(parser)
        self.add_json_argument(parser)

    def handle(
        self,
        *,
        url: str | None,
        secret_file: Path | None,
        yes: bool,
        dry_run: bool,
        json: bool,
        **options: Any,
    ) -> None:
        url = url or build_endpoint_url(enterprises_conf.site_url())
        if not is_postable(url):
            raise CommandError(
                f"WorkOS posts to https only, and not to {url}. Set SITE_URL, or give --url.", returncode=2
            )
        try:
            endpoints = find_endpoints(url)
            changes = [change for change in plan_changes(url, endpoints) if change.action != "none"]
            report = {"url": url, "changes": [change.as_json() for change in changes], "dry_run": dry_run}
            if dry_run:
                self.write_report(report, _describe_changes(changes, url), as_json=json)
                return
            self._require_place_for_secret(endpoints, secret_file, json=json)
            if changes:
                self._confirm_changes(changes, url, yes=yes)
            with _open_secret_file(secret_file) as file:
                saved = [apply_change(change) for change in changes] or endpoints
                # Two while a secret is being replaced.
                secret = next((one for one in saved if one.url == url), saved[0]).secret
                if file is not None:
                    if not secret:
                        raise CommandError("WorkOS did not send the secret: copy it from the Dashboard.")
                    os.write(file, f"{secret}\n".encode())
        except gateway.GatewayError as error:
            raise CommandError(
                f"{_describe_error(error)} Nothing of ours was changed; the command can be repeated."
            ) from error
        self._write_result(report, changes, saved, secret_file, json=json)

    def _require_place_for_secret(
        self, endpoints: Sequence[gateway.WebhookEndpoint], secret_file: Path | None, *, json: bool
    ) -> None:
        """Refuse to make a secret that would end in a pipe or a log."""
        if endpoints or secret_file:
            return
        if json or not sys.stdout.isatty():
            raise CommandError(
                "A new endpoint has a new secret, which is not written into a pipe: give --secret-file.",
                returncode=2,
            )

    def _confirm_changes(self, changes: Sequence[EndpointChange], url: str, *, yes: bool) -> None:
        self.stderr.write(_describe_changes(changes, url), lambda text: text)
        self.confirm("Change this at WorkOS? [y/N]", yes=yes)

    def _write_result(
        self,
        report: dict[str, Any],
        changes: Sequence[EndpointChange],
        saved: Sequence[gateway.WebhookEndpoint],
        secret_file: Path | None,
        *,
        json: bool,
    ) -> None:
        is_new = bool(changes) and not changes[0].endpoint_id
        lines = [f"{one.endpoint_id} is registered: {one.url}" for one in saved] if changes else []
        if secret_file:
            lines.append(f"Its secret is in {secret_file}. Put it into WORKOS_WEBHOOK_SECRET and restart.")
        elif is_new:
            lines.append("Put this into the settings and restart. It is shown once:")
            lines.append(f"WORKOS_WEBHOOK_SECRET={saved[0].secret}")
        endpoints = [{"endpoint_id": one.endpoint_id, "url": one.url} for one in saved]
        self.write_report(report | {"endpoints": endpoints}, "\n".join(lines), as_json=json)


def _describe_changes(changes: Sequence[EndpointChange], url: str) -> str:
    if not changes:
        return f"{url} is registered for exactly the events that have a handler."
    lines = []
    for change in changes:
        events = f"for {count_of(len(change.added), 'event')}" if not change.endpoint_id else ""
        lines.append(f"{change.action} {change.endpoint_id or ''} {change.url} {events}".replace("  ", " "))
        lines += [f"  + {name}" for name in change.added] + [f"  - {name}" for name in change.removed]
        if change.is_disabled:
            lines.append("  enable it")
    if any(name.startswith("dsync.") for change in changes for name in change.added):
        lines.append(_DIRECTORY_NOTICE)
    return "\n".join(lines)


@contextmanager
def _open_secret_file(path: Path | None) -> Iterator[int | None]:
    """A new file that only its owner can read, opened before there is a secret; removed if nothing comes.

    Raises CommandError if it exists or cannot be written.
    """
    if path is None:
        yield None
        return
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}. Nothing was done.", returncode=2) from error
    try:
        # Whatever the umask is.
        os.fchmod(file, 0o600)
        yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)


def _describe_error(error: gateway.GatewayError) -> str:
    if error.status == 409:
        return "Another process registered this URL at the same time."
    return f"{error} (request {error.request_id})" if error.request_id else str(error)
