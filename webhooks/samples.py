"""Sample events for development: what WorkOS sends, about an enterprise of ours.

The events of one `SampleObjects` are about the same objects: those that the mirror has, or else new ones.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from enterprises.models import Enterprise
from mirror.models import DELETED, Connection, Directory, MirroredRow, OrganizationDomain

_Row = TypeVar("_Row", bound=MirroredRow)
_ID_CHARACTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def create_id(prefix: str) -> str:
    """A new id in WorkOS's form, such as `conn_01…`."""
    return f"{prefix}_01{''.join(secrets.choice(_ID_CHARACTERS) for _ in range(24))}"


@dataclass
class SampleObjects:
    """The objects that the events of one run are about. `object_id` replaces the id of the main object."""

    enterprise: Enterprise
    object_id: str = ""
    _new_ids: dict[str, str] = field(default_factory=dict)

    def new_id(self, prefix: str) -> str:
        return self._new_ids.setdefault(prefix, create_id(prefix))

    def connection(self, at: datetime, state: str) -> dict[str, Any]:
        row = self._newest(Connection)
        return {
            "object": "connection",
            "id": self.object_id or (row.connection_id if row else self.new_id("conn")),
            "name": (row.name if row else "") or f"{self.enterprise.name} SAML",
            "connection_type": (row.connection_type if row else "") or "GenericSAML",
            "state": state,
            "domains": [],
        } | self._stamp(at)

    def certificate(self, at: datetime, **fields: Any) -> dict[str, Any]:
        connection = self.connection(at, "active")
        return {
            "connection": {"id": connection["id"], "organization_id": connection["organization_id"]},
            "certificate": {
                "certificate_type": "ResponseSigning",
                "expiry_date": _format_time(at + timedelta(days=30)),
            },
        } | fields

    def directory(self, at: datetime, state: str) -> dict[str, Any]:
        row = self._newest(Directory)
        return {
            "object": "directory",
            "id": self.object_id or self._directory_id(),
            "type": (row.directory_type if row else "") or "generic scim v2.0",
            "name": (row.name if row else "") or f"{self.enterprise.name} SCIM",
            "state": state,
        } | self._stamp(at)

    def user(self, at: datetime, state: str = "active") -> dict[str, Any]:
        return {
            "object": "directory_user",
            "id": self.object_id or self.new_id("directory_user"),
            "directory_id": self._directory_id(),
            "idp_id": "sample-1",
            "email": f"sample@{self._domain_name()}",
            "first_name": "Sample",
            "last_name": "Person",
            "state": state,
            "groups": [],
            "custom_attributes": {},
            "raw_attributes": {},
        } | self._stamp(at)

    def group(self, at: datetime) -> dict[str, Any]:
        return {
            "object": "directory_group",
            "id": self.object_id or self.new_id("directory_group"),
            "directory_id": self._directory_id(),
            "idp_id": "Sample group",
            "name": "Sample group",
            "raw_attributes": {},
        } | self._stamp(at)

    def membership(self, at: datetime) -> dict[str, Any]:
        # An id that was given is the person's.
        group = self.group(at) | {"id": self.new_id("directory_group")}
        return {"directory_id": self._directory_id(), "user": self.user(at), "group": group}

    def organization(self, at: datetime) -> dict[str, Any]:
        stamp = self._stamp(at)
        return {
            "object": "organization",
            "id": stamp.pop("organization_id"),
            "name": self.enterprise.name,
            "external_id": str(self.enterprise.external_id),
            "domains": [],
            "metadata": {},
        } | stamp

    def domain(self, at: datetime, state: str) -> dict[str, Any]:
        row = self._newest(OrganizationDomain)
        return {
            "object": "organization_domain",
            "id": self.object_id or (row.domain_id if row else self.new_id("org_domain")),
            "domain": self._domain_name(),
            "state": state,
        } | self._stamp(at)

    def _stamp(self, at: datetime) -> dict[str, Any]:
        return {
            "organization_id": self.enterprise.organization_id,
            "created_at": _format_time(at - timedelta(days=1)),
            "updated_at": _format_time(at),
        }

    def _directory_id(self) -> str:
        row = self._newest(Directory)
        return row.directory_id if row else self.new_id("directory")

    def _domain_name(self) -> str:
        row = self._newest(OrganizationDomain)
        wanted = self.enterprise.requested_domains
        return row.domain if row else wanted[0] if wanted else f"{self.enterprise.slug}.example"

    def _newest(self, model: type[_Row]) -> _Row | None:
        rows = model._default_manager.filter(organization=self.enterprise.organization_id)
        return rows.exclude(state=DELETED).order_by("-as_of").first()


Sample = Callable[[SampleObjects, datetime], dict[str, Any]]

SAMPLES: Mapping[str, Sample] = {
    "connection.activated": lambda objects, at: objects.connection(at, "active"),
    "connection.deactivated": lambda objects, at: objects.connection(at, "inactive"),
    "connection.deleted": lambda objects, at: objects.connection(at, "active"),
    "connection.saml_certificate_renewal_required": lambda objects, at: objects.certificate(
        at, days_until_expiry=30
    ),
    "connection.saml_certificate_renewed": lambda objects, at: objects.certificate(
        at, renewed_at=_format_time(at)
    ),
    "dsync.activated": lambda objects, at: objects.directory(at, "active"),
    "dsync.deactivated": lambda objects, at: objects.directory(at, "inactive"),
    "dsync.deleted": lambda objects, at: objects.directory(at, "active"),
    "dsync.user.created": lambda objects, at: objects.user(at),
    "dsync.user.updated": lambda objects, at: objects.user(at),
    "dsync.user.deleted": lambda objects, at: objects.user(at, "inactive"),
    "dsync.group.created": lambda objects, at: objects.group(at),
    "dsync.group.updated": lambda objects, at: objects.group(at),
    "dsync.group.deleted": lambda objects, at: objects.group(at),
    "dsync.group.user_added": lambda objects, at: objects.membership(at),
    "dsync.group.user_removed": lambda objects, at: objects.membership(at),
    "organization.created": lambda objects, at: objects.organization(at),
    "organization.updated": lambda objects, at: objects.organization(at),
    "organization.deleted": lambda objects, at: objects.organization(at),
    "organization_domain.created": lambda objects, at: objects.domain(at, "pending"),
    "organization_domain.updated": lambda objects, at: objects.domain(at, "pending"),
    "organization_domain.verified": lambda objects, at: objects.domain(at, "verified"),
    "organization_domain.verification_failed": lambda objects, at: {
        "reason": "domain_verification_period_expired",
        "organization_domain": objects.domain(at, "failed"),
    },
    "organization_domain.deleted": lambda objects, at: objects.domain(at, "pending"),
}


def build_sample_event(name: str, objects: SampleObjects, at: datetime, data: Mapping[str, Any]) -> Any:
    """The event as WorkOS sends it, with `data` merged into its data. `name` is one of SAMPLES."""
    return {
        "object": "event",
        "id": create_id("event"),
        "event": name,
        "data": SAMPLES[name](objects, at) | dict(data),
        "created_at": _format_time(at),
        "context": {"actor": {"id": "send_webhook", "source": "api", "name": "send_webhook"}},
    }


def _format_time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
