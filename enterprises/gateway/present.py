"""What WorkOS holds now: lists, and whether something is gone."""

from typing import Any

from enterprises.gateway import calling


# https://workos.com/docs/reference/sso/connection/list
def list_connections(organization_id: str) -> list[dict[str, Any]]:
    """All of them, as WorkOS sends them: one that the SDK cannot read must not hide the others."""
    return _all("connections", organization_id)


# https://workos.com/docs/reference/directory-sync/directory/list
def list_directories(organization_id: str) -> list[dict[str, Any]]:
    return _all("directories", organization_id)


def is_gone(kind: str, object_id: str) -> bool:
    """Whether WorkOS says 404 of it; `kind` is `connections`, `directories` or `organization_domains`."""
    try:
        with calling.call(f"get {kind}", usual=404):
            calling.client().request_raw("get", (kind, object_id), request_options=calling.options())
    except calling.Refused as refusal:
        if refusal.status == 404:
            return True
        raise
    return False


_PAGES = 20


def _all(kind: str, organization_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"organization_id": organization_id, "limit": 100}
    for _ in range(_PAGES):
        with calling.call(f"list {kind}"):
            answer = calling.client().request_raw(
                "get", (kind,), params=params, request_options=calling.options()
            )
            data = answer["data"]
            after = (answer.get("list_metadata") or {}).get("after")
        if not isinstance(data, list):
            break
        found += [item for item in data if isinstance(item, dict)]
        if not after:
            return found
        params["after"] = after
    raise calling.Unavailable("WorkOS gave a list that does not end.")
