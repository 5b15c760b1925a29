"""What nobody outside WorkOS knows, and what a test wants faster: each a switch, changed while it runs."""

from dataclasses import dataclass, field, fields
from typing import Any, get_args, get_origin

DESCRIPTIONS = {
    "single_use_links": "A Portal Link opens once only.",
    "resign_retries": "A retry carries a new time and signature; else those of the first attempt.",
    "unknown_organization_status": "What a link for an unknown organization is answered: 404 or 400.",
    "cascade_deletions": "Deleting an organization tells the end of its connections and directories too.",
    "exclusive_pending_domains": "A domain is taken once an organization lists it; else once verified.",
    "envelope_context": "Webhooks carry object and context, as the Events API does.",
    "link_seconds": "How long a Portal Link opens.",
    "session_seconds": "How long a visit lasts.",
    "retention_days": "How long the Events API remembers.",
    "requests_per_minute": "Requests a key and minute; then 429.",
    "deletions_per_minute": "Organizations deleted a key and minute; then 429.",
    "webhook_timeout": "Seconds that a receiver has to answer.",
    "retry_delays": "Seconds before each retry. WorkOS spreads its six over three days.",
    "concurrency": "Deliveries on their way at once; 1 keeps them in order.",
    "delivery_log": "Finished deliveries that are remembered.",
}


@dataclass(slots=True)
class Switches:
    """What each is for is said in DESCRIPTIONS."""

    single_use_links: bool = False
    resign_retries: bool = True
    unknown_organization_status: int = 404
    cascade_deletions: bool = True
    exclusive_pending_domains: bool = True
    envelope_context: bool = False
    link_seconds: int = 300
    session_seconds: int = 3600
    retention_days: int = 30
    requests_per_minute: int = 6000
    deletions_per_minute: int = 50
    webhook_timeout: float = 10.0
    retry_delays: list[float] = field(default_factory=lambda: [1.0, 5.0, 25.0, 120.0, 600.0, 3600.0])
    concurrency: int = 10
    delivery_log: int = 2000

    def update(self, values: dict[str, Any]) -> None:
        """Raises ValueError on an unknown name or a value of another type; then nothing is changed."""
        types = {item.name: item.type for item in fields(self)}
        checked = {}
        for name, value in values.items():
            if name not in types:
                raise ValueError(f"no switch is called {name!r}; there are {', '.join(types)}")
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
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError(f"{name} is a number, zero or more")
    if name == "unknown_organization_status" and value not in {400, 404}:
        raise ValueError(f"{name} is 404 or 400")
    return kind(value)
