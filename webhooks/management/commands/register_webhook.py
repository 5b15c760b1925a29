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
    plan_second,
)

_DIRECTORY_NOTICE = """\
dsync.* events: from now on WorkOS sends one for each person, group and membership that changes, and the first
sync of a directory sends all of them: 100,000 and more. It sends nothing of the past. Once the endpoint is
saved, seed what is there already with `manage.py reconcile --apply`."""


_ROTATION = """\
To replace the secret without losing an event:
  1. Put the new secret in front: WORKOS_WEBHOOK_SECRET=new:<the new one>,old:<the present one>. Restart.
  2. When `manage.py inspect_webhooks` shows that the new one is in use, delete the endpoint
     {old_id} ({old_url}) in the WorkOS Dashboard.
  3. When `manage.py inspect_webhooks` says that the old one is safe to remove, remove it. Restart.
Meanwhile each event arrives twice, and is recorded once."""


class Command(BaseCommand):
    help = """Create our webhook endpoint in WorkOS, or update it, for exactly the events that have a handler.

Shows what would change, then asks. WorkOS creates the secret of a new endpoint. It goes into a file that only
you can read (--secret-file), or once onto your terminal: put it into WORKOS_WEBHOOK_SECRET and restart. The
secret of an endpoint that exists is written by --secret-file. Safe to repeat; prints nothing when there is
nothing to do.

WorkOS cannot change a secret. --new-secret creates a second endpoint, which has a secret of its own, and says
how to go on.

  manage.py register_webhook --secret-file webhook_secret
  manage.py register_webhook --new-secret --secret-file new_secret
  manage.py register_webhook --dry-run --json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--url", help="where WorkOS posts to, such as a tunnel's (default: made from SITE_URL)"
        )
        parser.add_argument(
            "--secret-file", type=Path, metavar="FILE", help="a new file for the secret, with the mode 0600"
        )
        parser.add_argument(
            "--new-secret", action="store_true", help="create a second endpoint, to replace the secret"
        )
        self.add_yes_argument(parser)
        self.add_dry_run_argument(parser)
        self.add_json_argument(parser)

    def handle(
        self,
        *,
        url: str | None,
        secret_file: Path | None,
        new_secret: bool,
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
            if new_secret:
                _require_one(endpoints, url)
                changes = [plan_second(endpoints)]
            else:
                changes = [change for change in plan_changes(url, endpoints) if change.action != "none"]
            report = {"url": url, "changes": [change.as_json() for change in changes], "dry_run": dry_run}
            if dry_run:
                self.write_report(report, _describe_changes(changes, url), as_json=json)
                return
            is_new = bool(changes) and not changes[0].endpoint_id
            self._require_place_for_secret(secret_file, is_new=is_new, json=json)
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
        lines = _describe_result(changes, saved, secret_file, is_second=new_secret)
        if new_secret:
            lines.append(_ROTATION.format(old_id=endpoints[0].endpoint_id, old_url=endpoints[0].url))
        report["endpoints"] = [{"endpoint_id": one.endpoint_id, "url": one.url} for one in saved]
        self.write_report(report, "\n".join(lines), as_json=json)

    def _require_place_for_secret(self, secret_file: Path | None, *, is_new: bool, json: bool) -> None:
        """Refuse to make a secret that would end in a pipe or a log."""
        if secret_file or not is_new:
            return
        if json or not sys.stdout.isatty():
            raise CommandError(
                "A new endpoint has a new secret, which is not written into a pipe: give --secret-file.",
                returncode=2,
            )

    def _confirm_changes(self, changes: Sequence[EndpointChange], url: str, *, yes: bool) -> None:
        self.stderr.write(_describe_changes(changes, url), lambda text: text)
        self.confirm("Change this in WorkOS? [y/N]", yes=yes)


def _require_one(endpoints: Sequence[gateway.WebhookEndpoint], url: str) -> None:
    if not endpoints:
        raise CommandError(
            f"There is no endpoint for {url} yet: run the command without --new-secret.", returncode=2
        )
    if len(endpoints) > 1:
        names = " and ".join(f"{one.endpoint_id} ({one.url})" for one in endpoints)
        raise CommandError(
            f"There are two already: {names}. Once the new secret is in use, delete the endpoint of the old "
            "one in the WorkOS Dashboard. --url with --secret-file writes the secret of one of them.",
            returncode=2,
        )


def _describe_result(
    changes: Sequence[EndpointChange],
    saved: Sequence[gateway.WebhookEndpoint],
    secret_file: Path | None,
    *,
    is_second: bool,
) -> list[str]:
    is_new = bool(changes) and not changes[0].endpoint_id
    use = "" if is_second else " Put it into WORKOS_WEBHOOK_SECRET and restart."
    lines = [f"{one.endpoint_id} is registered: {one.url}" for one in saved] if changes else []
    if secret_file:
        lines.append(f"Its secret is in {secret_file}.{use}")
    elif is_new:
        lines.append(f"Its secret is shown once.{use}")
        lines.append(f"WORKOS_WEBHOOK_SECRET={saved[0].secret}")
    return lines


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
    return error.describe()
