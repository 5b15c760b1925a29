"""Lives of organizations as events in order, and what they come to: written without looking at ours."""

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
    """WorkOS, as far as a history needs it. `objects` is what a reader of the whole history must know."""

    external_ids: dict[str, str]
    now: datetime = START
    events: list[Payload] = field(default_factory=list)
    # id → kind, organization, state, name, updated_at
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    certificates: dict[str, bool] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)

    def say(self, event: str, data: Payload) -> None:
        number = len(self.events)
        self.events.append(
            {"id": f"event_{number:026d}", "event": event, "data": data, "created_at": text(self.now)}
        )

    def created(self, organization: str) -> None:
        self.say("organization.created", self._organization(organization))

    def do(self, minutes: int, organization: str, deed: str, number: int) -> None:
        """One thing happens, `minutes` later (0: in the same second), if it can happen at all."""
        self.now += timedelta(minutes=minutes)
        kind, _, what = deed.partition(" ")
        if kind == "organization":
            self._organization_deed(organization, what)
        elif kind == "certificate":
            self._certificate(organization, what, f"conn_{organization}_{number}")
        else:
            self._object(organization, kind, what, f"{kind}_{organization}_{number}")

    def _object(self, organization: str, kind: str, what: str, name: str) -> None:
        key = {"connection": "conn", "directory": "directory", "domain": "org_domain"}[kind] + name[
            len(kind) :
        ]
        held = self.objects.get(key)
        if (held and held["state"] == "deleted") or (what == "deleted" and not held):
            return
        state = {"deleted": "deleted"}.get(what, what)
        new = {"kind": kind, "organization": organization, "state": state}
        # A deletion carries the object as it was before: its name, its state, and a time that proves nothing.
        source = held if what == "deleted" and held else {"name": f"as of {len(self.events)}", "at": self.now}
        told_state = held["state"] if what == "deleted" and held else state
        new |= {"name": source["name"], "at": source["at"]}
        data = {
            "id": key,
            "organization_id": organization,
            "state": told_state,
            "name": source["name"],
            "updated_at": text(source["at"] - timedelta(hours=what == "deleted")),
        }
        if kind == "domain":
            data["domain"] = f"{key.replace('_', '-')}.example"
            event = {"pending": "created", "failed": "verification_failed"}.get(what, what)
            if event == "verification_failed":
                data = {"reason": "domain_verification_period_expired", "organization_domain": data}
            self.say(f"organization_domain.{event}", data)
        else:
            event = {"active": "activated", "inactive": "deactivated"}.get(what, what)
            self.say(f"{'dsync' if kind == 'directory' else 'connection'}.{event}", data)
        if organization in self.closed:
            new["state"] = "deleted"
        self.objects[key] = new

    def _certificate(self, organization: str, what: str, connection: str) -> None:
        self.certificates[connection] = what == "renewal_required"
        self.say(
            f"connection.saml_certificate_{what}",
            {
                "connection": {"id": connection, "organization_id": organization},
                "certificate": {"certificate_type": "ResponseSigning", "expiry_date": text(self.now)},
            },
        )

    def _organization_deed(self, organization: str, what: str) -> None:
        if organization in self.closed:
            return
        self.say(f"organization.{what}", self._organization(organization))
        if what == "deleted":
            self.closed.add(organization)
            for held in self.objects.values():
                if held["organization"] == organization:
                    held["state"] = "deleted"

    def _organization(self, organization: str) -> Payload:
        return {
            "id": organization,
            "name": "An organization",
            "external_id": self.external_ids[organization],
            "updated_at": text(self.now),
            "domains": [
                {
                    "id": key,
                    "domain": f"{key.replace('_', '-')}.example",
                    "state": held["state"],
                    "updated_at": text(held["at"]),
                }
                for key, held in self.objects.items()
                if (held["kind"], held["organization"]) == ("domain", organization)
                and held["state"] != "deleted"
            ],
        }


DEEDS = [
    *("connection active", "connection inactive", "connection deleted"),
    *("directory active", "directory inactive", "directory deleted"),
    *("domain pending", "domain verified", "domain failed", "domain deleted"),
    *("certificate renewal_required", "certificate renewed"),
    *("organization updated", "organization deleted"),
]

deeds = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 60]),
        st.sampled_from(["org_known", "org_unknown"]),
        st.sampled_from([*DEEDS[:-1] * 2, DEEDS[-1]]),
        st.integers(1, 2),
    ),
    min_size=1,
    max_size=25,
)
