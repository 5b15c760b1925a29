"""Connections: an identity provider set up by an organization, from draft to active and back."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from aiohttp import web

from sandbox import domains, errors, pagination
from sandbox.app_keys import routes, world_of
from sandbox.clock import iso
from sandbox.models import Connection
from sandbox.store import World

CERTIFICATE_LIFE = timedelta(days=365)


def as_json(world: World, connection: Connection) -> dict[str, Any]:
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
            for item in domains.of(world, connection.organization_id)
        ],
        "created_at": connection.created_at,
        "updated_at": connection.updated_at,
    }


def event_data(world: World, connection: Connection, event: str) -> dict[str, Any]:
    """As the events show it: a deletion keeps the last state and lists neither domains nor status."""
    shown = as_json(world, connection)
    if event == "deleted":
        return {key: value for key, value in shown.items() if key not in {"domains", "status"}}
    return shown | {"external_key": connection.external_key}


def find(world: World, connection_id: str) -> Connection:
    """Raises 404."""
    found = world.connections.get(connection_id)
    if found is None:
        raise errors.not_found("Connection", connection_id)
    return found


def draft(world: World, organization_id: str, connection_type: str, name: str) -> Connection:
    return world.connections.put(
        Connection(
            id=world.ids.new("conn"),
            organization_id=organization_id,
            connection_type=connection_type,
            name=name,
            state="draft",
            external_key=world.ids.key(25),
            **world.born(),
        )
    )


def enter_details(world: World, connection: Connection, details: dict[str, str]) -> Connection:
    """The provider's side is known; only a first sign-in is missing. No event says so, as at WorkOS."""
    expires_at = None
    if "SAML" in connection.connection_type:
        expires_at = iso(world.clock.now_ms() + int(CERTIFICATE_LIFE.total_seconds() * 1000))
    return world.connections.put(
        world.changed(
            connection,
            state="active" if connection.state == "active" else "validating",
            details=details,
            certificate_expires_at=expires_at,
        )
    )


def _tell(world: World, event: str, connection: Connection, source: str) -> None:
    world.emit(
        f"connection.{event}",
        event_data(world, connection, event),
        organization_id=connection.organization_id,
        source=source,
    )


def activate(world: World, connection: Connection, *, source: str = "admin_portal") -> Connection:
    if connection.state == "active":
        return connection
    active = world.connections.put(world.changed(connection, state="active"))
    _tell(world, "activated", active, source)
    return active


def deactivate(world: World, connection: Connection, *, source: str = "dashboard") -> Connection:
    if connection.state == "inactive":
        return connection
    inactive = world.connections.put(world.changed(connection, state="inactive"))
    _tell(world, "deactivated", inactive, source)
    return inactive


def delete(world: World, connection: Connection, *, source: str = "api", silent: bool = False) -> None:
    world.connections.drop(connection.id)
    if not silent:
        _tell(world, "deleted", connection, source)


def _certificate_event(world: World, event: str, connection: Connection, source: str, **extra: Any) -> None:
    certificate = {
        "certificate_type": "ResponseSigning",
        "expiry_date": connection.certificate_expires_at,
    }
    if "days_until_expiry" in extra:
        certificate["is_expired"] = extra["days_until_expiry"] <= 0
    world.emit(
        f"connection.saml_certificate_{event}",
        {
            "connection": {"id": connection.id, "organization_id": connection.organization_id},
            "certificate": certificate,
            **extra,
        },
        organization_id=connection.organization_id,
        source=source,
    )


def certificate_nears_its_end(world: World, connection: Connection, *, days: int) -> Connection:
    """Set the certificate to expire in `days` (0 or less: it has) and remind of it."""
    expires_at = iso(world.clock.now_ms() + days * 86_400_000)
    # The connection's own `updated_at` stays: a reminder is no change of the connection.
    nearing = world.connections.put(_with_expiry(connection, expires_at))
    _certificate_event(world, "renewal_required", nearing, "system", days_until_expiry=days)
    return nearing


def renew_certificate(world: World, connection: Connection, *, source: str = "admin_portal") -> Connection:
    expires_at = iso(world.clock.now_ms() + int(CERTIFICATE_LIFE.total_seconds() * 1000))
    renewed = world.connections.put(_with_expiry(connection, expires_at))
    _certificate_event(world, "renewed", renewed, source, renewed_at=world.clock.now())
    return renewed


def _with_expiry(connection: Connection, expires_at: str) -> Connection:
    return replace(connection, certificate_expires_at=expires_at)


@routes.get("/connections")
async def list_view(request: web.Request) -> web.Response:
    world = world_of(request)
    query = request.query
    search = query.get("search", "").casefold()

    def keep(row: Connection) -> bool:
        if "organization_id" in query and row.organization_id != query["organization_id"]:
            return False
        if "connection_type" in query and row.connection_type != query["connection_type"]:
            return False
        if "domain" in query and not any(
            item.domain == query["domain"].lower() for item in domains.of(world, row.organization_id)
        ):
            return False
        return search in row.name.casefold()

    return pagination.page(request, world.connections, keep=keep, show=lambda row: as_json(world, row))


@routes.get("/connections/{id}")
async def get_view(request: web.Request) -> web.Response:
    world = world_of(request)
    return web.json_response(as_json(world, find(world, request.match_info["id"])))


@routes.delete("/connections/{id}")
async def delete_view(request: web.Request) -> web.Response:
    world = world_of(request)
    delete(world, find(world, request.match_info["id"]))
    return web.Response(status=204)
