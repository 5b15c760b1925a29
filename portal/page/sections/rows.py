"""The mirrored rows of an enterprise that its sections are built from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TypeVar

from enterprises.intents import Intent
from enterprises.models import Enterprise
from mirror.models import DELETED, Certificate, Connection, Directory, MirroredRow, OrganizationDomain
from mirror.organization_rows import load_organization_rows
from mirror.people_counts import Arrival, Counts, find_arrival

# Deleted objects are shown this long.
DELETED_SHOWN_FOR = timedelta(days=30)


@dataclass(frozen=True)
class Rows:
    domains: Sequence[OrganizationDomain]
    connections: Sequence[Connection]
    directories: Sequence[Directory]
    certificates: Sequence[Certificate]
    # By directory: what it holds, and the first syncs that are arriving.
    counts: Mapping[int, Counts]
    arrivals: Mapping[int, Arrival]

    @property
    def all(self) -> list[MirroredRow]:
        return [*self.domains, *self.connections, *self.directories, *self.certificates]

    @property
    def with_facts(self) -> dict[Intent, list[MirroredRow]]:
        return {
            Intent.SSO: [row for row in self.connections if row.state in WITH_FACTS],
            Intent.DSYNC: [row for row in self.directories if row.state in WITH_FACTS],
        }

    @cached_property
    def verified_domains(self) -> list[str]:
        return [row.domain for row in self.domains if row.state == OrganizationDomain.State.VERIFIED]

    def due_certificate(self, connection: Connection) -> Certificate | None:
        """Of several certificates that must be renewed, the one that expires first."""
        due = [
            one
            for one in self.certificates
            if one.connection_id == connection.connection_id
            and one.state == Certificate.State.RENEWAL_REQUIRED
        ]
        return min(due, key=_expiry) if due else None

    def valid_until(self, connection: Connection) -> datetime | None:
        """The first end of a certificate, as far as WorkOS has reported one."""
        known = [
            one.expires_at
            for one in self.certificates
            if one.connection_id == connection.connection_id and one.expires_at
        ]
        return min(known, default=None)


# Active, or off: also those of which an active one can become again.
WITH_FACTS = {Connection.State.ACTIVE, Connection.State.INACTIVE, Directory.State.INVALID_CREDENTIALS}


def _expiry(certificate: Certificate) -> datetime:
    return certificate.expires_at or datetime.min.replace(tzinfo=UTC)


def load_rows(enterprise: Enterprise, now: datetime) -> Rows:
    loaded = load_organization_rows(enterprise.organization_id)
    connections, directories = _shown(loaded.connections, now), _shown(loaded.directories, now)
    arrivals = {
        row.pk: arrival
        for row in directories
        if (arrival := find_arrival(row, loaded.counts.get(row.pk, Counts()), now))
    }
    return Rows(
        _shown(loaded.domains, now),
        connections,
        directories,
        # A certificate without its connection says nothing.
        loaded.certificates if connections else [],
        loaded.counts,
        arrivals,
    )


_Row = TypeVar("_Row", bound=MirroredRow)


def _shown(rows: Iterable[_Row], now: datetime) -> list[_Row]:
    return [row for row in rows if row.state != DELETED or row.observed_at > now - DELETED_SHOWN_FOR]
