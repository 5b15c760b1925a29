"""WorkOS's refusals: status, body and headers as its API answers them."""

from typing import Any


class Refusal(Exception):
    """Raised anywhere below a request; the application turns it into its JSON answer."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.headers = headers or {}


def unauthorized() -> Refusal:
    return Refusal(
        401,
        {"message": "Could not authorize the request. Maybe your API key is invalid?"},
        {"WWW-Authenticate": "Bearer"},
    )


def not_found(kind: str, key: str) -> Refusal:
    return Refusal(
        404, {"message": f"{kind} not found: '{key}'.", "code": "entity_not_found", "entity_id": key}
    )


def bad_request(message: str, code: str | None = None) -> Refusal:
    return Refusal(400, {"message": message} | ({"code": code} if code else {}))


def conflict(message: str, code: str | None = None) -> Refusal:
    return Refusal(409, {"message": message} | ({"code": code} if code else {}))


def invalid(field: str, code: str, message: str) -> Refusal:
    """422: what was sent cannot be processed, with the field that is to blame."""
    return Refusal(
        422,
        {
            "message": "Validation failed.",
            "code": "invalid_request_parameters",
            "errors": [{"field": field, "code": code, "message": message}],
        },
    )


def too_many(retry_after: int, path: str) -> Refusal:
    # The published schema has a bare text for this one list.
    body: Any = "Ratelimited" if path == "/directory_users" else {"message": "Rate limit exceeded."}
    return Refusal(429, body, {"Retry-After": str(retry_after)})
