from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email, validate_slug

from enterprises import domains, gateway, provisioning
from enterprises.people import make_it_admin


class Command(BaseCommand):
    help = """Enroll a customer company and give it an Organization at WorkOS.

Safe to repeat: the slug is the key, and an earlier try that broke off is healed. Exits with 1 when WorkOS
refuses or cannot be reached, or when the slug belongs to an enterprise with other data.

  manage.py provision_enterprise "Acme Inc." --domain acme.example --it-admin ada@acme.example
"""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the company's name")
        parser.add_argument(
            "--slug", default="", help="its part of the address (default: made from the name)"
        )
        parser.add_argument(
            "--domain", action="append", default=[], help="a domain of theirs; may be repeated"
        )
        parser.add_argument(
            "--it-admin", metavar="EMAIL", help="who sets up SSO; gets a mail to set a password"
        )

    def handle(
        self, *, name: str, slug: str, domain: list[str], it_admin: str | None, **options: Any
    ) -> None:
        try:
            if slug:
                validate_slug(slug)
            if it_admin:
                validate_email(it_admin)
            enterprise = provisioning.enroll(
                name=name, slug=slug, domains=[domains.normalise(one) for one in domain]
            )
        except ValidationError as error:
            raise CommandError(
                f"{slug if it_admin is None else it_admin}: {' '.join(error.messages)}"
            ) from error
        except (provisioning.Different, ValueError) as error:
            raise CommandError(str(error)) from error
        if it_admin:
            make_it_admin(enterprise, it_admin)
            self.stdout.write(f"IT admin: {it_admin}")

        try:
            provisioning.provision(enterprise)
        except gateway.Refused as refusal:
            raise CommandError(
                f"{enterprise.name} is saved, but not provisioned: {refusal}{_reference(refusal)}"
            ) from refusal
        except gateway.Unavailable as error:
            raise CommandError(
                f"{enterprise.name} is saved, but not provisioned: {error} "
                f"Run the same command again.{_reference(error)}"
            ) from error
        self.stdout.write(
            self.style.SUCCESS(f"{enterprise.name} is provisioned: {enterprise.organization_id}")
        )
        self.stdout.write(f"Its page: {settings.SITE_URL}{enterprise.get_absolute_url()}")


def _reference(error: gateway.GatewayError) -> str:
    return f" (request {error.reference})" if error.reference else ""
