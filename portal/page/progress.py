"""The visits for one intent beside what WorkOS has told since: what is half done, still awaited, or news."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from enterprises import refresh
from enterprises.models import Certificate, Connection, Directory, Enterprise, OrganizationDomain
from portal import lines, visits
from portal.guides import Guide
from portal.models import PortalSession

Row = Connection | Directory | OrganizationDomain

BEGUN = {"draft", "requires_type"}
_UNSETTLED = {*BEGUN, "pending", "failed", "deleting", "deleted", "due"}
_FINAL = {"active", "inactive", "deleted", "verified", "failed", "invalid_credentials", "renewed"}
_BECAME = {
    "active": "became active",
    "verified": "was verified",
    "inactive": "was deactivated",
    "deleted": "was removed",
    "renewed": "was done",
}


@dataclass(frozen=True)
class Way:
    guide: Guide
    # Newest first, see visits.of.
    visits: Sequence[PortalSession]
    rows: Sequence[Row | Certificate]
    enterprise: Enterprise
    now: datetime

    @property
    def begun(self) -> list[PortalSession]:
        """Those that can be gone on with: nobody finished since, and nothing more came of them."""
        # Who looked into what is set up and came back has left nothing half done.
        is_set_up = any(_state(row) not in _UNSETTLED for row in self.rows)
        return [
            visit
            for visit in visits.unfinished(self.visits, now=self.now)
            if all(_state(row) in BEGUN for row in self._changed_since(visit))
            and not (is_set_up and visit.returned_at)
        ]

    @property
    def watched(self) -> list[PortalSession]:
        """Those of which news may come: WorkOS has not said the last word, and was not asked often enough."""
        return [
            visit
            for visit in visits.recent(self.visits, now=self.now)
            if not any(_state(row) in _FINAL for row in self._changed_since(visit))
            and (self._changed_since(visit) or not self._is_checked(visit))
        ]

    @property
    def waiting(self) -> list[PortalSession]:
        """Those that were finished, and of which nothing is told yet."""
        return [visit for visit in self.watched if visit.finished_at and not self._changed_since(visit)]

    def news(self, viewer_id: int) -> str:
        """`Single Sign-On became active 8 seconds after you returned.`"""
        for visit in visits.recent(self.visits, now=self.now):
            who = "you" if visit.user_id == viewer_id else lines.who(visit)
            changed = self._changed_since(visit)
            for row in changed:
                if became := _BECAME.get(_state(row)):
                    what = row.domain if isinstance(row, OrganizationDomain) else self.guide.title
                    return f"{what} {became} {_when(visit, row)} {who} returned."
            if self._is_checked(visit) and not changed:
                return f"{self.guide.title}: WorkOS says that nothing has changed since {who} left."
        return ""

    def _changed_since(self, visit: PortalSession) -> list[Row | Certificate]:
        return [row for row in self.rows if _since(row) >= visit.launched_at]

    def _is_checked(self, visit: PortalSession) -> bool:
        """Whether WorkOS was asked at once and once more: what somebody did there may show late."""
        back, checked = visits.back_at(visit), self.enterprise.checked_at
        return bool(back and checked and checked >= back + refresh.LOOK_AGAIN)


def _when(visit: PortalSession, row: Row | Certificate) -> str:
    waited = (row.told_at - (visits.back_at(visit) or row.told_at)).total_seconds()
    if waited <= 0:
        return "before"
    seconds = max(1, round(waited))
    return f"{seconds} second{'' if seconds == 1 else 's'} after"


def _state(row: Row | Certificate) -> str:
    if isinstance(row, Certificate):
        return "due" if row.renewal_required else "renewed"
    return row.state


def _since(row: Row | Certificate) -> datetime:
    """When it came into its state: `as_of` moves on with a new name, too."""
    return row.as_of if isinstance(row, Certificate) else (row.since or row.as_of)
