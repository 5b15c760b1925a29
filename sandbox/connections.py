"""Connections of an organization to its identity provider, and WorkOS's API for them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from aiohttp import web

from sandbox import domains, errors, pagination
from sandbox.app_keys import api_routes, get_store
from sandbox.clock import format_timestamp
from sandbox.models import Connection
from sandbox.store import Store

CERTIFICATE_LIFETIME = timedelta(days=365)


def serialize_connection(store: Store, connection: Connection) -> dict[str, Any]:
    return {
        "object": "connection",
        "id": connection.id,
        "organization_id": connection.organization_id,
        "connection_type": connection.connection_type,
        "name": connection.name,
        "state": connection.state,
        "status": "linked" if connection.state == "active" else "unlinked",
        "domains": [
            {
                "object": "connection_domain",
                "id": f"conn_domain_{item.id.removeprefix('org_domain_')}",
                "domain": item.domain,
            }
            for item in domains.list_domains(store, connection.organization_id)
        ],
        "created_at": connection.created_at,
        "updated_at": connection.updated_at,
    }


def serialize_connection_for_event(store: Store, connection: Connection, event: str) -> dict[str, Any]:
    """The connection as `data` of an event. A deletion keeps the last state and omits domains and status."""
    shown = serialize_connection(store, connection)
    if event == "deleted":
        return {key: value for key, value in shown.items() if key not in {"domains", "status"}}
    return shown | {"external_key": connection.external_key}


def get_connection(store: Store, connection_id: str) -> Connection:
    """Raises 404."""
    found = store.connections.get(connection_id)
    if found is None:
        raise errors.not_found("Connection", connection_id)
    return found


def create_connection(store: Store, organization_id: str, connection_type: str, name: str) -> Connection:
    return store.connections.put(
        Connection(
            id=store.ids.new_id("conn"),
            organization_id=organization_id,
            connection_type=connection_type,
            name=name,
            state="draft",
            external_key=store.ids.random_key(25),
            **store.new_timestamps(),
        )
    )


def save_connection_details(store: Store, connection: Connection, details: dict[str, str]) -> Connection:
    """Save the identity provider's details. A connection that is not active waits for a test sign-in.

    As at WorkOS, there is no event.
    """
    return store.connections.put(
        store.with_changes(
            connection,
            state="active" if connection.state == "active" else "validating",
            details=details,
            certificate_expires_at=(_new_expiry(store) if "SAML" in connection.connection_type else None),
        )
    )


def _new_expiry(store: Store) -> str:
    return format_timestamp(store.clock.now_ms() + int(CERTIFICATE_LIFETIME.total_seconds() * 1000))


def _emit_connection_event(store: Store, event: str, connection: Connection, source: str) -> None:
    store.emit_event(
        f"connection.{event}",
        serialize_connection_for_event(store, connection, event),
        organization_id=connection.organization_id,
        source=source,
    )


def activate_connection(store: Store, connection: Connection, *, source: str = "admin_portal") -> Connection:
    if connection.state == "active":
        return connection
    active = store.connections.put(store.with_changes(connection, state="active"))
    _emit_connection_event(store, "activated", active, source)
    return active


def deactivate_connection(store: Store, connection: Connection, *, source: str = "dashboard") -> Connection:
    if connection.state == "inactive":
        return connection
    inactive = store.connections.put(store.with_changes(connection, state="inactive"))
    _emit_connection_event(store, "deactivated", inactive, source)
    return inactive


def delete_connection(
    store: Store, connection: Connection, *, source: str = "api", silent: bool = False
) -> None:
    store.connections.delete(connection.id)
    if not silent:
        _emit_connection_event(store, "deleted", connection, source)


def _emit_certificate_event(
    store: Store, event: str, connection: Connection, source: str, **extra: Any
) -> None:
    certificate = {
        "certificate_type": "ResponseSigning",
        "expiry_date": connection.certificate_expires_at,
    }
    if "days_until_expiry" in extra:
        certificate["is_expired"] = extra["days_until_expiry"] <= 0
    store.emit_event(
        f"connection.saml_certificate_{event}",
        {
            "connection": {"id": connection.id, "organization_id": connection.organization_id},
            "certificate": certificate,
            **extra,
        },
        organization_id=connection.organization_id,
        source=source,
    )


def expire_certificate(store: Store, connection: Connection, *, days: int) -> Connection:
    """Let the certificate expire in `days` (0 or less: it has expired), and emit the reminder."""
    expires_at = format_timestamp(store.clock.now_ms() + days * 86_400_000)
    # `replace` keeps `updated_at`: the reminder is not a change of the connection.
    expiring = store.connections.put(replace(connection, certificate_expires_at=expires_at))
    _emit_certificate_event(store, "renewal_required", expiring, "system", days_until_expiry=days)
    return expiring


def renew_certificate(store: Store, connection: Connection, *, source: str = "admin_portal") -> Connection:
    renewed = store.connections.put(replace(connection, certificate_expires_at=_new_expiry(store)))
    _emit_certificate_event(store, "renewed", renewed, source, renewed_at=store.clock.now())
    return renewed


@api_routes.get("/connections")
async def list_connections_view(request: web.Request) -> web.Response:
    store = get_store(request)
    query = request.query
    search = query.get("search", "").casefold()

    def matches(row: Connection) -> bool:
        if "organization_id" in query and row.organization_id != query["organization_id"]:
            return False
        if "connection_type" in query and row.connection_type != query["connection_type"]:
            return False
        if "domain" in query and not any(
            item.domain == query["domain"].lower()
            for item in domains.list_domains(store, row.organization_id)
        ):
            return False
        return search in row.name.casefold()

    return pagination.paginate(
        request, store.connections, matches=matches, serialize=lambda row: serialize_connection(store, row)
    )


@api_routes.get("/connections/{id}")
async def get_connection_view(request: web.Request) -> web.Response:
    store = get_store(request)
    return web.json_response(serialize_connection(store, get_connection(store, request.match_info["id"])))


@api_routes.delete("/connections/{id}")
async def delete_connection_view(request: web.Request) -> web.Response:
    store = get_store(request)
    delete_connection(store, get_connection(store, request.match_info["id"]))
    return web.Response(status=204)
