"""Switches: behavior of WorkOS that is not documented, and values that tests want shorter."""

from dataclasses import dataclass, field, fields
from typing import Any, get_args, get_origin

DESCRIPTIONS = {
    "single_use_links": "A Portal Link can be opened only once.",
    "resign_retries": "A retry has a new time and signature; if off, those of the first attempt.",
    "unknown_organization_status": "The status for a link of an unknown organization: 404 or 400.",
    "cascade_deletions": "Deleting an organization emits the deletions of what it had, too.",
    "exclusive_pending_domains": "A pending domain is taken; if off, only a verified one.",
    "envelope_context": "Webhooks have object and context, as the Events API does.",
    "soft_delete": "A deactivated person is announced as inactive; if off, as deleted.",
    "announce_returns": "With soft_delete off, a returning person is announced, as created.",
    "user_groups": "People are listed with their groups; if off, `groups` is empty.",
    "newest_first": "Lists without `order` have the newest first; if off, the oldest.",
    "forget_cursors": "An unknown or old cursor of the Events API is answered 400; if off, it is accepted.",
    "link_seconds": "Lifetime of a Portal Link.",
    "session_seconds": "Lifetime of a portal session.",
    "retention_days": "Days for which the Events API keeps events.",
    "requests_per_minute": "Requests per API key and minute; more are answered 429.",
    "deletions_per_minute": "Organization deletions per API key and minute; more are answered 429.",
    "directory_requests_per_second": "Requests per directory and second for people; more are answered 429.",
    "webhook_timeout": "Seconds that a receiver has to answer.",
    "retry_delays": "Seconds before each retry.",
    "concurrency": "Deliveries sent at the same time; 1 keeps them in order.",
    "delivery_log": "Finished deliveries that are kept.",
}

# What WorkOS does, as far as it says so.
WORKOS = {
    "single_use_links": "WorkOS does not say whether a link can be opened twice.",
    "resign_retries": "WorkOS does not say whether a retry is signed again.",
    "unknown_organization_status": "WorkOS documents both 404 and 400.",
    "cascade_deletions": "WorkOS does not say whether these events are sent.",
    "exclusive_pending_domains": "WorkOS does not say whether a pending domain blocks others.",
    "envelope_context": "Webhooks from WorkOS were seen with neither; its Events API has both.",
    "soft_delete": "A setting of the environment at WorkOS, which no API shows.",
    "announce_returns": "WorkOS's listener documents silence; its tests show both.",
    "user_groups": "WorkOS: empty for teams created since May 2026.",
    "newest_first": "The default changed between versions of WorkOS's API: send `order`.",
    "forget_cursors": "WorkOS answers 400.",
    "link_seconds": "WorkOS: 300 seconds.",
    "session_seconds": "WorkOS does not say how long a session lasts.",
    "retention_days": "WorkOS names both 30 and 90 days.",
    "requests_per_minute": "WorkOS: 6000.",
    "deletions_per_minute": "WorkOS: 50.",
    "directory_requests_per_second": "WorkOS: 4.",
    "webhook_timeout": "WorkOS does not say how long it waits.",
    "retry_delays": "WorkOS: up to six retries over three days; older documentation says twelve.",
    "concurrency": "WorkOS promises no order.",
    "delivery_log": "Only the sandbox has this.",
}
# What nobody outside WorkOS knows, and an application should survive either way.
UNDOCUMENTED = (
    "single_use_links",
    "resign_retries",
    "unknown_organization_status",
    "cascade_deletions",
    "exclusive_pending_domains",
    "envelope_context",
    "soft_delete",
    "announce_returns",
    "newest_first",
    "session_seconds",
    "retention_days",
    "webhook_timeout",
)

# Thirty years, in seconds.
MAX_VALUE = 10**9


@dataclass(slots=True)
class Switches:
    """The current values. DESCRIPTIONS explains each."""

    single_use_links: bool = False
    resign_retries: bool = True
    unknown_organization_status: int = 404
    cascade_deletions: bool = True
    exclusive_pending_domains: bool = True
    envelope_context: bool = False
    soft_delete: bool = True
    announce_returns: bool = False
    user_groups: bool = False
    newest_first: bool = True
    forget_cursors: bool = True
    link_seconds: int = 300
    session_seconds: int = 3600
    retention_days: int = 30
    requests_per_minute: int = 6000
    deletions_per_minute: int = 50
    directory_requests_per_second: int = 4
    webhook_timeout: float = 10.0
    retry_delays: list[float] = field(default_factory=lambda: [1.0, 5.0, 25.0, 120.0, 600.0, 3600.0])
    concurrency: int = 10
    delivery_log: int = 2000

    def update(self, values: dict[str, Any]) -> None:
        """Set these switches. Raises ValueError for an unknown name or a wrong type, and sets none."""
        types = {item.name: item.type for item in fields(self)}
        checked = {}
        for name, value in values.items():
            if name not in types:
                raise ValueError(f"there is no switch {name!r}; the switches are {', '.join(types)}")
            checked[name] = _validate_value(name, types[name], value)
        for name, value in checked.items():
            setattr(self, name, value)

    def to_json(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self)}


def _validate_value(name: str, kind: Any, value: Any) -> Any:
    if get_origin(kind) is list:
        if not isinstance(value, list):
            raise ValueError(f"{name} is a list")
        return [_validate_value(name, get_args(kind)[0], item) for item in value]
    if kind is bool:
        if not isinstance(value, bool):
            raise ValueError(f"{name} is true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_VALUE:
        raise ValueError(f"{name} is a number from 0 to {MAX_VALUE}")
    if name == "unknown_organization_status" and value not in {400, 404}:
        raise ValueError(f"{name} is 404 or 400")
    return kind(value)
