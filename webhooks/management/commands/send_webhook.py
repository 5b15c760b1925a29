import json as json_format
import random
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from enterprises import conf as enterprises_conf
from enterprises.management.reports import get_enterprise
from outbox.management.base import Command as BaseCommand
from webhooks import conf
from webhooks.registration import build_endpoint_url
from webhooks.samples import SAMPLES, SampleObjects, build_sample_event
from webhooks.sending import is_own_url, post, sign

_MAX_DELIVERIES = 1000


@dataclass(frozen=True)
class Result:
    event: str
    event_id: str
    status: int
    answer: str
    # Whether the receiver answered as it should: 200, or 4xx where a refusal was asked for.
    is_expected: bool


class Command(BaseCommand):
    help = """Send sample events to this application, signed as WorkOS signs them. In development only.

The events are about the enterprise's connection, directory or domain, or about a new one if it has none; the
later in the list, the later they happened. They go to loopback or SITE_URL only. Exits with 1 when an answer
is not as expected: 200, or a refusal with --bad-signature or an --age beyond the tolerance.

  manage.py send_webhook connection.activated --enterprise acme-inc
  manage.py send_webhook dsync.activated dsync.deleted --enterprise acme-inc --duplicate 3 --shuffle
  manage.py send_webhook dsync.user.created --enterprise acme-inc --data '{"email": "eve@acme.example"}'
  manage.py send_webhook connection.deleted --enterprise acme-inc --age 600 --bad-signature
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("events", nargs="+", metavar="EVENT", help=f"one of {', '.join(sorted(SAMPLES))}")
        parser.add_argument(
            "--enterprise", required=True, metavar="SLUG", help="the enterprise they are about"
        )
        parser.add_argument("--id", default="", help="the object's id, instead of one of the enterprise's")
        parser.add_argument(
            "--data", default="{}", metavar="JSON", help="fields that replace those of data, as a JSON object"
        )
        parser.add_argument("--duplicate", type=int, default=1, metavar="N", help="deliver each N times")
        parser.add_argument(
            "--age", type=float, default=0, metavar="SECONDS", help="signed this long ago; negative: ahead"
        )
        parser.add_argument("--bad-signature", action="store_true", help="sign with a wrong secret")
        parser.add_argument("--shuffle", action="store_true", help="deliver in a random order")
        parser.add_argument("--url", help="the receiver's URL (default: made from SITE_URL)")
        self.add_dry_run_argument(parser)
        self.add_json_argument(parser)

    def handle(
        self,
        *,
        events: list[str],
        enterprise: str,
        url: str | None,
        dry_run: bool,
        json: bool,
        **options: Any,
    ) -> None:
        if not settings.DEBUG:
            raise CommandError(
                "DEBUG is off, so this counts as production: sample events would change real data.",
                returncode=2,
            )
        url = url or build_endpoint_url(enterprises_conf.site_url())
        if not is_own_url(url, enterprises_conf.site_url()):
            raise CommandError(f"{url} is neither on loopback nor at SITE_URL.", returncode=2)
        if unknown := sorted(set(events) - SAMPLES.keys()):
            raise CommandError(
                f"There is no sample of {', '.join(unknown)}. There are {', '.join(sorted(SAMPLES))}.",
                returncode=2,
            )
        if not 1 <= options["duplicate"] * len(events) <= _MAX_DELIVERIES:
            raise CommandError(f"Send 1 to {_MAX_DELIVERIES} deliveries.", returncode=2)
        if not conf.secrets():
            raise CommandError("Set WORKOS_WEBHOOK_SECRET: it signs the deliveries.")
        customer = get_enterprise(enterprise)
        if not customer.organization_id:
            raise CommandError(f"{customer.name} has no organization yet. {customer.next_step}")
        try:
            age = timedelta(seconds=options["age"])
            signed_at = timezone.now() - age
        except (OverflowError, ValueError):
            raise CommandError("--age is not a number of seconds that can be used.", returncode=2) from None
        objects = SampleObjects(customer, object_id=options["id"])
        payloads = _build_payloads(events, objects, signed_at, _parse_data(options["data"]))
        if dry_run:
            self.write_report(
                {"url": url, "dry_run": True, "events": payloads},
                f"Would post to {url}:\n{json_format.dumps(payloads, indent=2)}",
                as_json=json,
            )
            return
        deliveries = payloads * options["duplicate"]
        if options["shuffle"]:
            random.shuffle(deliveries)
        results = self._send(
            deliveries, url, signed_at, is_signed_well=not options["bad_signature"], age=age, json=json
        )
        self.write_report({"url": url, "deliveries": [asdict(one) for one in results]}, "", as_json=json)
        if unexpected := [one for one in results if not one.is_expected]:
            raise CommandError(f"{len(unexpected)} of {len(results)} were not answered as expected.")

    def _send(
        self,
        deliveries: Sequence[Mapping[str, Any]],
        url: str,
        signed_at: datetime,
        *,
        is_signed_well: bool,
        age: timedelta,
        json: bool,
    ) -> list[Result]:
        secret = next(iter(conf.secrets().values()))
        is_refusal_expected = not is_signed_well or abs(age) > conf.tolerance()
        results = []
        for payload in deliveries:
            body = json_format.dumps(payload).encode()
            signature = sign(body, secret if is_signed_well else f"{secret}-wrong", signed_at)
            try:
                status, answer = post(url, body, signature)
            except OSError as error:
                reason = getattr(error, "reason", None) or error
                raise CommandError(f"{url} does not answer: {reason}. Is the application running?") from error
            is_expected = 400 <= status < 500 if is_refusal_expected else status == 200
            result = Result(payload["event"], payload["id"], status, answer, is_expected)
            results.append(result)
            if not json:
                words = f"{status} {result.event} {result.event_id}" + (f": {answer}" if answer else "")
                self.stdout.write(words if is_expected else self.style.ERROR(words))
        return results


def _build_payloads(
    names: Sequence[str], objects: SampleObjects, signed_at: datetime, data: Mapping[str, Any]
) -> list[dict[str, Any]]:
    # The last one happened when it was signed, each other a second before the next.
    first = signed_at - timedelta(seconds=len(names) - 1)
    return [
        build_sample_event(name, objects, first + timedelta(seconds=number), data)
        for number, name in enumerate(names)
    ]


def _parse_data(text: str) -> Mapping[str, Any]:
    try:
        data = json_format.loads(text)
    except ValueError as error:
        raise CommandError(f"--data is not JSON: {error}", returncode=2) from error
    if not isinstance(data, dict):
        raise CommandError("--data is not a JSON object.", returncode=2)
    return data
