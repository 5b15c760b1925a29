"""Errors of WorkOS's API, with the status, body and headers that it answers."""

from typing import Any


class ApiError(Exception):
    """Raised while a request is handled. A middleware turns it into the JSON response."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.headers = headers or {}


def unauthorized() -> ApiError:
    return ApiError(
        401,
        {"message": "Could not authorize the request. Maybe your API key is invalid?"},
        {"WWW-Authenticate": "Bearer"},
    )


def not_found(kind: str, key: str) -> ApiError:
    return ApiError(
        404, {"message": f"{kind} not found: '{key}'.", "code": "entity_not_found", "entity_id": key}
    )


def bad_request(message: str, code: str | None = None) -> ApiError:
    return ApiError(400, {"message": message} | ({"code": code} if code else {}))


def conflict(message: str, code: str | None = None) -> ApiError:
    return ApiError(409, {"message": message} | ({"code": code} if code else {}))


def invalid_parameter(field: str, code: str, message: str) -> ApiError:
    """422 with the field that is invalid."""
    return ApiError(
        422,
        {
            "message": "Validation failed.",
            "code": "invalid_request_parameters",
            "errors": [{"field": field, "code": code, "message": message}],
        },
    )


def rate_limited(retry_after: int, path: str) -> ApiError:
    # The published schema has a plain string for this one list.
    body: Any = "Ratelimited" if path == "/directory_users" else {"message": "Rate limit exceeded."}
    return ApiError(429, body, {"Retry-After": str(retry_after)})


def describe(error: ApiError) -> str:
    """The error as a sentence for a page."""
    body = error.body if isinstance(error.body, dict) else {}
    fields = [item["message"] for item in body.get("errors", [])]
    return " ".join(fields) or str(body.get("message", error.body))
