"""The objects that the store holds.

They are immutable, and a change replaces the object, so an event's data stays what it was.
"""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    id: str
    created_at: str
    updated_at: str

    @property
    def key(self) -> str:
        """What the row is found by in its table."""
        return self.id

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


def get_directory_key(prefix: str, directory_id: str, object_id: str) -> str:
    """The key of a person or group. WorkOS's ids are unique, a customer's own only within a directory."""
    return object_id if object_id.startswith(prefix) else f"{directory_id} {object_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryUser(Model):
    """A person of a directory. The memberships are here: a group may have a million members."""

    ID_PREFIX: ClassVar[str] = "directory_user_"

    directory_id: str
    organization_id: str
    idp_id: str
    email: str | None
    first_name: str | None
    last_name: str | None
    job_title: str | None = "Software Engineer"
    state: str = "active"
    group_keys: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return get_directory_key(self.ID_PREFIX, self.directory_id, self.id)

    def to_json(self) -> dict[str, Any]:
        names = [name for name in (self.first_name, self.last_name) if name]
        return {
            "object": "directory_user",
            "id": self.id,
            "directory_id": self.directory_id,
            "organization_id": self.organization_id,
            "idp_id": self.idp_id,
            "email": self.email,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "name": " ".join(names) or None,
            "emails": [{"primary": True, "type": "work", "value": self.email}] if self.email else [],
            "job_title": self.job_title,
            "username": self.email,
            "state": self.state,
            "raw_attributes": {},
            "custom_attributes": {"job_title": self.job_title} if self.job_title else {},
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }

    def to_partial_json(self) -> dict[str, Any]:
        """Only what every person has, as membership events of some providers have it."""
        return {"object": "directory_user", "id": self.id, "directory_id": self.directory_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryGroup(Model):
    ID_PREFIX: ClassVar[str] = "directory_group_"

    directory_id: str
    organization_id: str
    idp_id: str
    name: str

    @property
    def key(self) -> str:
        return get_directory_key(self.ID_PREFIX, self.directory_id, self.id)

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


@dataclass(frozen=True, slots=True)
class Member:
    """A person and a group, the payload of a membership event. `partial`: the person has an id only."""

    user: DirectoryUser
    group: DirectoryGroup
    partial: bool = False

    def to_json(self) -> dict[str, Any]:
        user = self.user.to_partial_json() if self.partial else self.user.to_json()
        return {"directory_id": self.group.directory_id, "user": user, "group": self.group.to_json()}


# What a payload is built from, which needs much less memory than the payload.
Payload = DirectoryUser | Member


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Model):
    """An event. `data` is the payload, or what to build it from."""

    event: str
    data: dict[str, Any] | Payload
    organization_id: str | None
    source: str

    def payload(self) -> dict[str, Any]:
        return self.data if isinstance(self.data, dict) else self.data.to_json()

    def to_row(self) -> dict[str, Any]:
        row = {item.name: getattr(self, item.name) for item in fields(self)}
        if isinstance(self.data, DirectoryUser):
            row["user"] = asdict(row.pop("data"))
        elif isinstance(self.data, Member):
            row["data"] = self.payload()
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
