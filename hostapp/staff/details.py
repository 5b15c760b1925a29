"""The ids and settings of a customer that its own pages do not show."""

from collections.abc import Iterator
from itertools import islice

from django.utils.translation import gettext as _

from enterprises.intents import Intent
from enterprises.models import Enterprise
from mirror.models import DELETED, Connection, Directory, OrganizationDomain
from portal.page.lines import Fact

# A customer with more has a list of them in the administration.
_MAX_OBJECTS = 20


def list_details(enterprise: Enterprise) -> list[Fact]:
    """Its ids, then what staff set."""
    organization_id = enterprise.organization_id
    facts = [Fact(_("Organization ID"), id=organization_id)] if organization_id else []
    facts += islice(_list_object_ids(enterprise), _MAX_OBJECTS)
    facts += [
        Fact(_("External ID"), id=str(enterprise.external_id)),
        Fact(_("Slug"), id=enterprise.slug),
    ]
    if enterprise.environment:
        facts.append(Fact(_("Environment"), enterprise.get_environment_display()))
    plan = ", ".join(str(Intent(intent).label) for intent in enterprise.intents)
    return [
        *facts,
        Fact(_("Provisioning"), str(enterprise.provisioning.label)),
        Fact(_("Plan"), plan or _("Nothing")),
        Fact(_("Requested domains"), ", ".join(enterprise.requested_domains) or _("None")),
        Fact(_("Customer since"), at=enterprise.created_at, style="date"),
    ]


def _list_object_ids(enterprise: Enterprise) -> Iterator[Fact]:
    own = {"organization": enterprise.organization_id}
    for connection in Connection.objects.filter(**own).exclude(state=DELETED).order_by("-as_of"):
        yield Fact(_("Connection ID"), id=connection.connection_id)
    for directory in Directory.objects.filter(**own).exclude(state=DELETED).order_by("-as_of"):
        yield Fact(_("Directory ID"), id=directory.directory_id)
    for domain in OrganizationDomain.objects.filter(**own).exclude(state=DELETED).order_by("domain"):
        yield Fact(_("ID of %(domain)s") % {"domain": domain.domain}, id=domain.domain_id)
