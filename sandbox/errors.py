"""Errors of WorkOS's API, with the status, body and headers that it answers."""

from typing import Any

from aiohttp import web


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
    if path == "/directory_users":
        return directory_rate_limited(retry_after)
    return ApiError(429, {"message": "Rate limit exceeded."}, {"Retry-After": str(retry_after)})


def directory_rate_limited(retry_after: int = 1) -> ApiError:
    """429 for the people of a directory. Of all errors, its body alone is bare text."""
    return ApiError(429, "Ratelimited", {"Retry-After": str(retry_after)})


def build_response(error: ApiError) -> web.Response:
    if isinstance(error.body, str):
        return web.Response(text=error.body, status=error.status, headers=error.headers)
    return web.json_response(error.body, status=error.status, headers=error.headers)


def describe(error: ApiError) -> str:
    """The error as a sentence for a page."""
    body = error.body if isinstance(error.body, dict) else {}
    fields = [item["message"] for item in body.get("errors", [])]
    return " ".join(fields) or str(body.get("message", error.body))
