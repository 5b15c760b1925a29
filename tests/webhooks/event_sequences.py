"""Generate organizations' event sequences and the state they end in, independently of the application."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

START = datetime(2026, 1, 15, 12, tzinfo=UTC)

Payload = dict[str, Any]


def text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


@dataclass
class World:
    """A minimal model of WorkOS. `objects` is the state that a reader of the whole history must end with."""

    external_ids: dict[str, str]
    now: datetime = START
    events: list[Payload] = field(default_factory=list)
    # id → kind, organization, state, name, updated_at
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    certificates: dict[str, bool] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    # The newest name of each organization.
    names: dict[str, str] = field(default_factory=lambda: {"org_known": "Known"})

    def emit(self, event: str, data: Payload) -> None:
        number = len(self.events)
        self.events.append(
            {"id": f"event_{number:026d}", "event": event, "data": data, "created_at": text(self.now)}
        )

    def created(self, organization: str) -> None:
        self._rename(organization)
        self.emit("organization.created", self._organization(organization))

    def do(self, minutes: int, organization: str, action: str, number: int) -> None:
        """Perform one action `minutes` later (0: in the same second), if it is possible."""
        self.now += timedelta(minutes=minutes)
        kind, _, change = action.partition(" ")
        if kind == "organization":
            self._change_organization(organization, change)
        elif kind == "certificate":
            self._certificate(organization, change, f"conn_{organization}_{number}")
        else:
            self._object(organization, kind, change, f"{kind}_{organization}_{number}")

    def _object(self, organization: str, kind: str, change: str, name: str) -> None:
        key = {"connection": "conn", "directory": "directory", "domain": "org_domain"}[kind] + name[
            len(kind) :
        ]
        known = self.objects.get(key)
        if (known and known["state"] == "deleted") or (change == "deleted" and not known):
            return
        state = {"deleted": "deleted"}.get(change, change)
        new = {"kind": kind, "organization": organization, "state": state}
        # A deletion carries the object as it was before, with its name and state; its time is not reliable.
        source = (
            known if change == "deleted" and known else {"name": f"as of {len(self.events)}", "at": self.now}
        )
        payload_state = known["state"] if change == "deleted" and known else state
        new |= {"name": source["name"], "at": source["at"]}
        data = {
            "id": key,
            "organization_id": organization,
            "state": payload_state,
            "name": source["name"],
            "updated_at": text(source["at"] - timedelta(hours=change == "deleted")),
        }
        if kind == "domain":
            data["domain"] = f"{key.replace('_', '-')}.example"
            event = {"pending": "created", "failed": "verification_failed"}.get(change, change)
            if event == "verification_failed":
                data = {"reason": "domain_verification_period_expired", "organization_domain": data}
            self.emit(f"organization_domain.{event}", data)
        else:
            event = {"active": "activated", "inactive": "deactivated"}.get(change, change)
            self.emit(f"{'dsync' if kind == 'directory' else 'connection'}.{event}", data)
        if organization in self.closed:
            new["state"] = "deleted"
        self.objects[key] = new

    def _certificate(self, organization: str, change: str, connection: str) -> None:
        self.certificates[connection] = change == "renewal_required"
        self.emit(
            f"connection.saml_certificate_{change}",
            {
                "connection": {"id": connection, "organization_id": organization},
                "certificate": {"certificate_type": "ResponseSigning", "expiry_date": text(self.now)},
            },
        )

    def _change_organization(self, organization: str, change: str) -> None:
        if organization in self.closed:
            return
        if change == "updated":
            self._rename(organization)
        self.emit(f"organization.{change}", self._organization(organization))
        if change == "deleted":
            self.closed.add(organization)
            for known in self.objects.values():
                if known["organization"] == organization:
                    known["state"] = "deleted"

    def _rename(self, organization: str) -> None:
        # By the time alone: of two events in one second neither is newer.
        self.names[organization] = f"Organization at {text(self.now)}"

    def _organization(self, organization: str) -> Payload:
        return {
            "id": organization,
            "name": self.names[organization],
            "external_id": self.external_ids[organization],
            "updated_at": text(self.now),
            "domains": [
                {
                    "id": key,
                    "domain": f"{key.replace('_', '-')}.example",
                    "state": known["state"],
                    "updated_at": text(known["at"]),
                }
                for key, known in self.objects.items()
                if (known["kind"], known["organization"]) == ("domain", organization)
                and known["state"] != "deleted"
            ],
        }


ACTIONS = [
    *("connection active", "connection inactive", "connection deleted"),
    *("directory active", "directory inactive", "directory deleted"),
    *("domain pending", "domain verified", "domain failed", "domain deleted"),
    *("certificate renewal_required", "certificate renewed"),
    *("organization updated", "organization deleted"),
]

actions = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 60]),
        st.sampled_from(["org_known", "org_unknown"]),
        st.sampled_from([*ACTIONS[:-1] * 2, ACTIONS[-1]]),
        st.integers(1, 2),
    ),
    min_size=1,
    max_size=25,
)
