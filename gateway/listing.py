"""What WorkOS lists now, and whether an object still exists."""

from typing import Any

from gateway import client
from gateway.pacing import request_page, request_patiently


# https://workos.com/docs/reference/sso/connection/list
def list_connections(organization_id: str) -> list[dict[str, Any]]:
    """All connections as WorkOS sends them: one that the SDK cannot read must not hide the others."""
    return _list_all("connections", organization_id)


# https://workos.com/docs/reference/directory-sync/directory/list
def list_directories(organization_id: str) -> list[dict[str, Any]]:
    """All directories as WorkOS sends them."""
    return _list_all("directories", organization_id)


def is_missing(resource: str, object_id: str) -> bool:
    """Whether WorkOS answers 404; `resource` is `connections`, `directories` or `organization_domains`."""
    try:
        request_patiently(f"get {resource}", (resource, object_id), expected_status=404)
    except client.Refused as refusal:
        if refusal.status == 404:
            return True
        raise
    return False


_MAX_PAGES = 20


def _list_all(resource: str, organization_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"organization_id": organization_id, "limit": 100, "order": "asc"}
    for _ in range(_MAX_PAGES):
        page = request_page(f"list {resource}", resource, params)
        found += [item for item in page.items if isinstance(item, dict)]
        if not page.after:
            return found
        params["after"] = page.after
    raise client.Unavailable("WorkOS returned an endless list.")
