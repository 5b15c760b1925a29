"""The objects that the store holds.

They are immutable, and a change replaces the object, so an event's data stays what it was.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    id: str
    created_at: str
    updated_at: str

    def to_row(self) -> dict[str, Any]:
        """The object as JSON for the state file."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        """Build the object from the state file's JSON, which has lists for tuples."""
        tuples = {name: tuple(value) for name, value in row.items() if isinstance(value, list)}
        return cls(**(row | tuples))


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization(Model):
    name: str
    external_id: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    stripe_customer_id: str | None = None
    allow_profiles_outside_organization: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationDomain(Model):
    organization_id: str
    domain: str
    state: str
    verification_strategy: str = "dns"
    verification_prefix: str
    verification_token: str

    def to_json(self) -> dict[str, Any]:
        return {
            "object": "organization_domain",
            "id": self.id,
            "organization_id": self.organization_id,
            "domain": self.domain,
            "state": self.state,
            "verification_prefix": self.verification_prefix,
            "verification_token": self.verification_token,
            "verification_strategy": self.verification_strategy,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection(Model):
    """States: requires_type, draft, validating, active, inactive, deleting."""

    organization_id: str
    connection_type: str
    name: str
    state: str
    external_key: str
    details: dict[str, str] = field(default_factory=dict)
    certificate_expires_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory(Model):
    """States in the API: linked, unlinked, validating, invalid_credentials, deleting."""

    organization_id: str
    type: str
    name: str
    state: str
    external_key: str
    bearer_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryUser(Model):
    directory_id: str
    organization_id: str
    idp_id: str
    email: str
    first_name: str
    last_name: str
    job_title: str = "Software Engineer"
    state: str = "active"

    def to_json(self) -> dict[str, Any]:
        return {
            "object": "directory_user",
            "id": self.id,
            "directory_id": self.directory_id,
            "organization_id": self.organization_id,
            "idp_id": self.idp_id,
            "email": self.email,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "name": f"{self.first_name} {self.last_name}",
            "emails": [{"primary": True, "type": "work", "value": self.email}],
            "job_title": self.job_title,
            "username": self.email,
            "state": self.state,
            "raw_attributes": {},
            "custom_attributes": {"job_title": self.job_title},
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryGroup(Model):
    directory_id: str
    organization_id: str
    idp_id: str
    name: str
    user_ids: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "object": "directory_group",
            "id": self.id,
            "idp_id": self.idp_id,
            "directory_id": self.directory_id,
            "organization_id": self.organization_id,
            "name": self.name,
            "raw_attributes": {},
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ItContact(Model):
    organization_id: str
    email: str

    def to_json(self) -> dict[str, Any]:
        return {
            "object": "it_contact",
            "id": self.id,
            "email": self.email,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint(Model):
    endpoint_url: str
    secret: str
    events: tuple[str, ...]
    status: str = "enabled"

    ALL_EVENTS: ClassVar[str] = "*"

    def to_json(self) -> dict[str, Any]:
        return {
            "object": "webhook_endpoint",
            "id": self.id,
            "endpoint_url": self.endpoint_url,
            "secret": self.secret,
            "status": self.status,
            "events": list(self.events),
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }

    def subscribes_to(self, event: str) -> bool:
        return self.status == "enabled" and (self.ALL_EVENTS in self.events or event in self.events)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalLink(Model):
    """A link to the Admin Portal. `contact_id` is set on setup links, the 30-day links sent by mail."""

    secret: str
    organization_id: str
    intents: tuple[str, ...]
    expires_at: str
    return_url: str | None = None
    success_url: str | None = None
    external_user_id: str | None = None
    contact_id: str | None = None
    opened: int = 0
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalSession(Model):
    """One use of a link. Its own `token` is in the URLs, so the link's secret is in the first URL only."""

    token: str
    link_id: str
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination(Model):
    """A log stream or a customer-managed key, as `kind` says."""

    organization_id: str
    kind: str
    provider: str
    details: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail(Model):
    """A mail that WorkOS would have sent to an IT contact."""

    to: str
    subject: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Model):
    """An event. `data` is the payload, or a user to build it from, which needs less memory in a burst."""

    event: str
    data: dict[str, Any] | DirectoryUser
    organization_id: str | None
    source: str

    def payload(self) -> dict[str, Any]:
        return self.data.to_json() if isinstance(self.data, DirectoryUser) else self.data

    def to_row(self) -> dict[str, Any]:
        row = asdict(self)
        if isinstance(self.data, DirectoryUser):
            row["user"] = row.pop("data")
        return row

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        user = row.pop("user", None)
        return cls(**(row if user is None else row | {"data": DirectoryUser.from_row(user)}))

    def to_webhook_json(self) -> dict[str, Any]:
        # WorkOS's webhooks have no `object` and no `context`; its Events API has both.
        return {"id": self.id, "event": self.event, "data": self.payload(), "created_at": self.created_at}

    def to_json(self) -> dict[str, Any]:
        actor = {"id": f"sandbox_{self.source}", "source": self.source, "name": "Sandbox"}
        return {"object": "event", **self.to_webhook_json(), "context": {"actor": actor}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(Model):
    """One event for one endpoint. `state`: pending, delivered, failed, dropped.

    `due_ms` is the time of the next attempt, in milliseconds since 1970. Each attempt is a dict: at, t,
    request (headers, body), status, answer, milliseconds, error.
    """

    event_id: str
    event: str
    endpoint_id: str
    url: str
    state: str = "pending"
    due_ms: int = 0
    faults: tuple[str, ...] = ()
    attempts: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
