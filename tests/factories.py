"""Rows that tests start from."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from enterprises.models import Enterprise
from hostapp.models import User
from mirror.models import Certificate, Connection, Directory, Organization, OrganizationDomain
from mirror.people_models import DirectoryGroup, DirectoryUser
from portal.models import PortalSession, SetupLink


def create_organization(organization_id: str, **fields: Any) -> Organization:
    return Organization.objects.create(organization_id=organization_id, **{"as_of": timezone.now(), **fields})


def create_enterprise(name: str, slug: str, organization_id: str | None = None, **fields: Any) -> Enterprise:
    """A provisioned enterprise, or one that is not provisioned yet if it has no `organization_id`."""
    organization = create_organization(organization_id, name=name) if organization_id else None
    return Enterprise.objects.create(name=name, slug=slug, organization=organization, **fields)


def create_connection(enterprise: Enterprise, **fields: Any) -> Connection:
    defaults = {"connection_id": "conn_1", "state": "active", "connection_type": "OktaSAML"}
    return Connection.objects.create(**_mirrored(enterprise, defaults, fields))


def create_directory(enterprise: Enterprise, **fields: Any) -> Directory:
    defaults = {"directory_id": "directory_1", "state": "active"}
    return Directory.objects.create(**_mirrored(enterprise, defaults, fields))


def create_directory_user(directory: Directory, **fields: Any) -> DirectoryUser:
    """An active person, or as `fields` say. Counts do not change: they are kept by mirror.people."""
    name = fields.get("name", "Ada Adeyemi")
    defaults = {"user_id": "directory_user_1", "state": "active", "name_key": name.lower()}
    email = {"email": "ada@acme.example", "email_key": "ada@acme.example"}
    values = {**_of_directory(directory), **defaults, **email, "name": name, **fields}
    return DirectoryUser.objects.create(**values)


def create_directory_group(directory: Directory, **fields: Any) -> DirectoryGroup:
    defaults = {
        "group_id": "directory_group_1",
        "state": "active",
        "name": "Engineers",
        "name_key": "engineers",
    }
    return DirectoryGroup.objects.create(**{**_of_directory(directory), **defaults, **fields})


def _of_directory(directory: Directory) -> dict[str, Any]:
    now = timezone.now()
    times = {"as_of": now, "observed_at": now, "state_since": now, "created_at": now}
    return {"directory": directory, "is_announced": True, **times}


def create_domain(enterprise: Enterprise, **fields: Any) -> OrganizationDomain:
    defaults = {"domain_id": "org_domain_1", "domain": "acme.example", "state": "verified"}
    return OrganizationDomain.objects.create(**_mirrored(enterprise, defaults, fields))


def create_certificate(enterprise: Enterprise, **fields: Any) -> Certificate:
    connection_id = fields.get("connection_id", "conn_1")
    defaults = {"connection_id": connection_id, "key": connection_id, "state": "renewal_required"}
    return Certificate.objects.create(**_mirrored(enterprise, defaults, fields))


def create_portal_session(enterprise: Enterprise, user: User, **fields: Any) -> PortalSession:
    """A session for Single Sign-On that was launched two minutes ago, unless `fields` say otherwise."""
    launched_at = timezone.now() - timedelta(minutes=2)
    defaults = {"intent": "sso", "outcome": "opened", "launched_at": launched_at}
    return PortalSession.objects.create(enterprise=enterprise, user=user, **{**defaults, **fields})


def create_setup_link(enterprise: Enterprise, user: User, **fields: Any) -> SetupLink:
    """A setup link that was sent just now, unless `fields` say otherwise."""
    now = timezone.now()
    defaults = {
        "contact_id": "it_contact_1",
        "email": "ines@provider.example",
        "intents": ["sso"],
        "state": "sent",
        "requested_at": now,
        "expires_at": now + timedelta(days=30),
    }
    link: SetupLink = SetupLink.objects.create(enterprise=enterprise, sent_by=user, **{**defaults, **fields})
    return link


def _mirrored(enterprise: Enterprise, defaults: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    as_of = fields.get("as_of") or timezone.now()
    return {
        "organization_id": enterprise.organization_id,
        "as_of": as_of,
        "state_since": as_of,
        **defaults,
        **fields,
    }
