"""What the sections are built from, and what all of them do with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from enterprises.intents import Intent
from enterprises.models import Enterprise
from mirror.models import MirroredRow
from portal.models import PortalSession
from portal.page import lines, providers
from portal.page.lines import Line
from portal.page.progress import Progress
from portal.page.providers import Provider
from portal.page.sections.rows import Rows
from portal.page.sections.section import LaunchButton, Section, Urgency, choose_state
from portal.page.wording import INTENT_WORDINGS


@dataclass(frozen=True)
class Context:
    """What the sections are built from."""

    enterprise: Enterprise
    rows: Rows
    sessions: Mapping[str, Sequence[PortalSession]]
    causes: Mapping[MirroredRow, PortalSession]
    viewer_id: int
    now: datetime

    def build_section(
        self,
        intent: Intent,
        own: Sequence[Line],
        progresses: Sequence[Progress],
        buttons: Sequence[LaunchButton],
        *,
        urgency: int | None,
        begun: Sequence[str] = (),
        known: Sequence[Provider] = (),
        is_begun: bool = False,
    ) -> Section:
        unfinished = [session for progress in progresses for session in progress.unfinished]
        waiting = [session for progress in progresses for session in progress.waiting[:1]][:1]
        shown = [lines.waiting_line(session, viewer_id=self.viewer_id) for session in waiting]
        if unfinished or is_begun:
            shown.append(self.describe_progress(unfinished, begun))
        shown += own
        return Section(
            intent,
            INTENT_WORDINGS[intent],
            choose_state([line.words for line in shown]),
            shown,
            buttons,
            urgency=None if waiting and urgency == Urgency.STEP else urgency,
            # Each once, however many objects it has.
            providers=list({provider.name: provider for provider in known}.values())
            or providers.COMMON.get(intent, ()),
            pending=[session for progress in progresses for session in progress.pending],
            is_waiting=any(one.pending and not one.is_settled for one in progresses),
        )

    def get_progress(self, intent: Intent, rows: Sequence[MirroredRow]) -> Progress:
        return Progress(self.sessions.get(intent, []), rows, self.enterprise, self.now)

    def describe_progress(self, sessions: Sequence[PortalSession], begun: Sequence[str] = ()) -> Line:
        return lines.in_progress_line(sessions, begun, viewer_id=self.viewer_id, now=self.now)
