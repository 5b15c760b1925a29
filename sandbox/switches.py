"""What nobody outside WorkOS knows, and what a test wants faster: each a switch, changed while it runs."""

from dataclasses import dataclass, field, fields
from typing import Any, get_args, get_origin


@dataclass(slots=True)
class Switches:
    single_use_links: bool = False
    """A Portal Link opens once only."""
    resign_retries: bool = True
    """A retry carries a new `t` and signature; else those of the first attempt."""
    unknown_organization_status: int = 404
    """What `generate_link` answers for an organization it does not know: 404 or 400."""
    cascade_deletions: bool = True
    """Deleting an organization also emits the deletion of its connections, directories and domains."""
    exclusive_pending_domains: bool = True
    """A domain is taken as soon as one organization lists it; else only once it is verified."""
    envelope_context: bool = False
    """Webhooks carry `object` and `context`, as the Events API does."""
    link_seconds: int = 300
    session_seconds: int = 3600
    retention_days: int = 30
    """How long the Events API remembers."""
    requests_per_minute: int = 6000
    deletions_per_minute: int = 50
    """Organizations deleted, per key."""
    webhook_timeout: float = 10.0
    retry_delays: list[float] = field(default_factory=lambda: [1.0, 5.0, 25.0, 120.0, 600.0, 3600.0])
    """Seconds before each retry. WorkOS takes three days over its six."""
    concurrency: int = 10
    """Deliveries on their way at once."""
    delivery_log: int = 2000
    """Finished deliveries that are remembered."""

    def change(self, values: dict[str, Any]) -> None:
        """Raises ValueError on an unknown name or a value of another type; then nothing is changed."""
        types = {item.name: item.type for item in fields(self)}
        checked = {}
        for name, value in values.items():
            if name not in types:
                raise ValueError(f"no switch is called {name!r}; there are {', '.join(types)}")
            checked[name] = _checked(name, types[name], value)
        for name, value in checked.items():
            setattr(self, name, value)

    def as_json(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self)}


def _checked(name: str, kind: Any, value: Any) -> Any:
    if get_origin(kind) is list:
        if not isinstance(value, list):
            raise ValueError(f"{name} is a list")
        return [_checked(name, get_args(kind)[0], item) for item in value]
    if kind is bool:
        if not isinstance(value, bool):
            raise ValueError(f"{name} is true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError(f"{name} is a number, zero or more")
    return kind(value)
