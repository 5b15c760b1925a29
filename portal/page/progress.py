"""Compare the portal sessions of one intent with what WorkOS has reported since they were launched."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from enterprises.models import Enterprise
from enterprises.reconcile import RECHECK_DELAY
from mirror.models import DELETED, Certificate, Connection, Directory, MirroredRow, OrganizationDomain
from portal.models import PortalSession
from portal.page.sessions import first_return_at, recently_returned_sessions, unfinished_sessions

# Set-up was started at WorkOS and can be continued.
STARTED_STATES = {Connection.State.DRAFT, Connection.State.REQUIRES_TYPE}
_SET_UP_STATES = {
    Connection.State.VALIDATING,
    Connection.State.ACTIVE,
    Connection.State.INACTIVE,
    Directory.State.INVALID_CREDENTIALS,
    OrganizationDomain.State.VERIFIED,
    Certificate.State.RENEWED,
}
# States after which WorkOS is not expected to report a change.
_FINAL_STATES = {
    Connection.State.ACTIVE,
    Connection.State.INACTIVE,
    Connection.State.DELETED,
    Directory.State.INVALID_CREDENTIALS,
    OrganizationDomain.State.VERIFIED,
    OrganizationDomain.State.FAILED,
    Certificate.State.RENEWED,
}


@dataclass(frozen=True)
class Progress:
    # Newest first, see sessions_by_intent.
    sessions: Sequence[PortalSession]
    rows: Sequence[MirroredRow]
    enterprise: Enterprise
    now: datetime

    @cached_property
    def unfinished(self) -> list[PortalSession]:
        """Sessions that can be continued: nobody finished since, and WorkOS reported only a start."""
        is_set_up = any(row.state in _SET_UP_STATES for row in self.rows)
        return [
            session
            for session in unfinished_sessions(self.sessions, now=self.now)
            if all(row.state in STARTED_STATES for row in self._changed_since(session))
            # A person who looked at a finished set-up and came back left nothing unfinished.
            and not (is_set_up and session.returned_at)
        ]

    @cached_property
    def pending(self) -> list[PortalSession]:
        """Sessions about which WorkOS may still report: no final state yet, and not rechecked yet."""
        return [
            session
            for session in recently_returned_sessions(self.sessions, now=self.now)
            if not any(row.state in _FINAL_STATES for row in self._changed_since(session))
            and (self._changed_since(session) or not self._is_rechecked(session))
        ]

    @cached_property
    def waiting(self) -> list[PortalSession]:
        """Finished sessions about which WorkOS must still report; none if all is settled."""
        if self.is_settled:
            return []
        return [one for one in self.pending if one.finished_at and not self._changed_since(one)]

    @cached_property
    def is_settled(self) -> bool:
        """Whether there is something set up, and all of it is in a final state."""
        states = {row.state for row in self.rows} - {DELETED}
        return bool(states) and states <= _FINAL_STATES

    def _changed_since(self, session: PortalSession) -> list[MirroredRow]:
        return [row for row in self.rows if row.state_since >= session.launched_at]

    def _is_rechecked(self, session: PortalSession) -> bool:
        """Whether a second reconcile has run since the return: changes made at WorkOS may show late."""
        returned_at, reconciled_at = first_return_at(session), self.enterprise.reconciled_at
        return bool(returned_at and reconciled_at and reconciled_at >= returned_at + RECHECK_DELAY)
