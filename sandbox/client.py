"""A typed client of the control API for tests and scripts. It needs only the standard library."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

# So many people are created by one request.
FILL_SIZE = 20_000


class SandboxError(AssertionError):
    """The control API answered an error. The message has its response."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox. `url` is the SDK's `base_url`, and `api_key` a key that the sandbox accepts."""

    url: str
    api_key: str = "sk_test_sandbox"
    webhook_secret: str = "whsec_sandbox"

    def request(self, method: str, path: str, values: dict[str, Any] | None = None) -> Any:
        """Call the control API. Returns the parsed JSON. Raises SandboxError."""
        request = urllib.request.Request(  # noqa: S310  (an http URL of this machine)
            f"{self.url}/_sandbox/{path}",
            method=method,
            data=None if values is None else json.dumps(values).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                raise SandboxError(f"{method} {path}: {error.code} {error.read().decode()}") from error

    def reset(self) -> None:
        self.request("POST", "reset", {})

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.request("GET", "state")
        return found

    def organizations(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.state()["organizations"]
        return found

    def connections(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.state()["connections"]
        return found

    def directories(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.state()["directories"]
        return found

    def save_state(self) -> dict[str, Any]:
        """Everything that `load_state` brings back: objects, events and switches."""
        saved: dict[str, Any] = self.request("GET", "saved_state")
        return saved

    def load_state(self, saved: dict[str, Any]) -> None:
        """Replace what the sandbox has, without events. Raises SandboxError if the state is invalid."""
        self.request("PUT", "saved_state", saved)

    def apply_preset(self, name: str) -> int:
        """`expire_certificates`, `start_outage`, `end_outage` or `rotate_secrets`. Returns the changes."""
        changed: int = self.request("POST", f"presets/{name}", {})["changed"]
        return changed

    def events(self, event: str | None = None, **filters: str) -> list[dict[str, Any]]:
        query = urlencode(filters | ({"event": event} if event else {}))
        found: list[dict[str, Any]] = self.request("GET", f"events?{query}")["data"]
        return found

    def deliveries(self, **filters: str) -> list[dict[str, Any]]:
        """The deliveries with `state` and `attempts`, oldest first. Filters: `state=`, `event=`."""
        found: list[dict[str, Any]] = self.request("GET", f"deliveries?{urlencode(filters)}")["data"]
        return found

    def mails(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.request("GET", "mails")["data"]
        return found

    def set_webhook(self, url: str | None, secret: str | None = None) -> None:
        """Send every event to `url`, signed with `secret` (default: `webhook_secret`). None sends none."""
        self.request("PUT", "webhook", {"url": url, "secret": secret or self.webhook_secret} if url else {})

    def settle(self, seconds: float = 10) -> None:
        """Wait until no delivery is pending and no burst runs. Raises SandboxError after `seconds`."""
        self.request("POST", "settle", {"seconds": seconds})

    def resend(self, delivery_id: str) -> dict[str, Any]:
        sent: dict[str, Any] = self.request("POST", f"deliveries/{delivery_id}/resend", {})
        return sent

    def emit_event(
        self, event: str, data: dict[str, Any], organization_id: str | None = None
    ) -> dict[str, Any]:
        values = {"event": event, "data": data, "organization_id": organization_id}
        emitted: dict[str, Any] = self.request("POST", "events", values)
        return emitted

    def fault(self, kind: str, **values: Any) -> dict[str, Any]:
        """Add a fault, e.g. ``fault("status", status=429, path="/portal/*")`` or ``fault("duplicate")``."""
        added: dict[str, Any] = self.request("POST", "faults", {"kind": kind, **values})
        return added

    def clear_faults(self) -> None:
        self.request("DELETE", "faults")

    def switch(self, **values: Any) -> dict[str, Any]:
        updated: dict[str, Any] = self.request("PATCH", "switches", values)
        return updated

    def freeze(self, at: str | None = None) -> None:
        self.request("PATCH", "clock", {"freeze": at or True})

    def advance(self, seconds: float) -> None:
        self.request("PATCH", "clock", {"advance": seconds})

    def activate_connection(
        self,
        organization_id: str,
        type: str = "OktaSAML",  # noqa: A002  (WorkOS's name)
        state: str = "active",
    ) -> dict[str, Any]:
        values = {"organization_id": organization_id, "type": type, "state": state}
        created: dict[str, Any] = self.request("POST", "connections", values)
        return created

    def change_connection(self, connection_id: str, action: str, **values: Any) -> dict[str, Any]:
        """`activate`, `deactivate`, `delete`, `renew_certificate`, `expire_certificate` (`days=`)."""
        changed: dict[str, Any] = self.request("POST", f"connections/{connection_id}/{action}", values)
        return changed

    def activate_directory(
        self,
        organization_id: str,
        type: str = "okta scim v2.0",  # noqa: A002  (WorkOS's name)
        state: str = "linked",
        users: int = 0,
    ) -> dict[str, Any]:
        values = {"organization_id": organization_id, "type": type, "state": state, "users": users}
        created: dict[str, Any] = self.request("POST", "directories", values)
        return created

    def change_directory(self, directory_id: str, action: str) -> dict[str, Any]:
        """`activate`, `unlink`, `refuse` (invalid credentials), `delete`."""
        changed: dict[str, Any] = self.request("POST", f"directories/{directory_id}/{action}", {})
        return changed

    def add_person(self, directory_id: str, **values: Any) -> dict[str, Any]:
        """Create a person: `id` (the customer's own), `idp_id`, `email`, `first_name`, `last_name` …

        With `group_id`, also a membership; with `before_user=True`, announced before the person.
        """
        people: list[dict[str, Any]] = self._change_people(directory_id, "add", values)["data"]
        return people[0]

    def change_person(self, directory_id: str, user_id: str, action: str, **values: Any) -> dict[str, Any]:
        """`update`, `deactivate`, `return` (`new_id=`), `reassign` (to a new person), `remove`.

        Returns the person afterwards.
        """
        changed: dict[str, Any] = self._change_people(directory_id, action, values | {"user_id": user_id})
        return changed

    def fill_directory(
        self,
        directory_id: str,
        count: int,
        *,
        groups: int = 0,
        groups_per_person: int = 0,
        announced: bool = False,
    ) -> dict[str, Any]:
        """Create many people in groups, by default without events. Returns the directory with its counts."""
        values = {"groups": groups, "groups_per_person": groups_per_person, "announced": announced}
        filled: dict[str, Any] = {}
        for first in range(0, max(count, 1), FILL_SIZE):
            step = values | {"count": min(FILL_SIZE, count - first)}
            filled = self._change_people(directory_id, "fill", step)
        return filled

    def _change_people(self, directory_id: str, action: str, values: dict[str, Any]) -> Any:
        return self.request("POST", f"directories/{directory_id}/people/{action}", values)

    def add_group(self, directory_id: str, name: str, id: str | None = None) -> dict[str, Any]:  # noqa: A002
        """Create a group; `id` is the customer's own."""
        added: dict[str, Any] = self.request(
            "POST", f"directories/{directory_id}/groups/add", {"name": name, "id": id}
        )
        return added

    def change_group(self, directory_id: str, group_id: str, action: str, **values: Any) -> dict[str, Any]:
        """`rename` (`name=`), `remove`, `add_member` and `remove_member` (`user_id=`, `partial=`)."""
        path = f"directories/{directory_id}/groups/{action}"
        changed: dict[str, Any] = self.request("POST", path, values | {"group_id": group_id})
        return changed

    def verify_domain(self, organization_id: str, domain: str) -> dict[str, Any]:
        values = {"organization_id": organization_id, "domain": domain}
        verified: dict[str, Any] = self.request("POST", "domains/verify", values)
        return verified

    def fail_domain(self, organization_id: str, domain: str) -> dict[str, Any]:
        values = {"organization_id": organization_id, "domain": domain}
        failed: dict[str, Any] = self.request("POST", "domains/fail", values)
        return failed

    def expire_links(self, organization_id: str | None = None) -> None:
        self.request("POST", "links/expire", {"organization_id": organization_id} if organization_id else {})

    def revoke_links(self, organization_id: str | None = None) -> None:
        self.request("POST", "links/revoke", {"organization_id": organization_id} if organization_id else {})

    def burst(self, directory_id: str, count: int, event: str = "dsync.user.created") -> dict[str, Any]:
        values = {"directory_id": directory_id, "count": count, "event": event}
        started: dict[str, Any] = self.request("POST", "bursts", values)
        return started

    def run_lifecycle(self, name: str = "Lifetime Inc.") -> str:
        """Create an organization, make it emit every kind of event, and delete it. Returns its id."""
        organization_id: str = self.request("POST", "lifecycles", {"name": name})["organization_id"]
        return organization_id
