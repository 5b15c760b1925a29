"""The page of an enterprise: a checklist with one next step, and the state of each step."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from enterprises.intents import Intent
from enterprises.models import Enterprise
from mirror.models import Connection
from mirror.people_counts import Arrival
from portal.page import wording
from portal.page.last_action import LastAction, LaunchFailure
from portal.page.notices import SHOWN_FOR, Notice, find_notice
from portal.page.people import ARRIVAL_POLLING_DELAY
from portal.page.sections.context import Context
from portal.page.sections.directory import build_directory
from portal.page.sections.domains import build_domains
from portal.page.sections.not_mirrored import NOT_MIRRORED, build_not_mirrored
from portal.page.sections.rows import Rows, load_rows
from portal.page.sections.section import Section
from portal.page.sections.sso import build_sso
from portal.page.sessions import (
    WAIT_LIMIT,
    find_causes,
    first_return_at,
    polling_delay,
    sessions_by_intent,
    shown_sessions,
)

# After “Check now”, a reconcile that was this young is the answer.
MIN_CHECK_INTERVAL = timedelta(seconds=10)
_FAILURE_SHOWN_FOR = timedelta(minutes=10)

# The steps, in their order. What else a plan can include follows them.
STEPS = (Intent.DOMAIN_VERIFICATION, Intent.SSO, Intent.DSYNC)


@dataclass(frozen=True)
class Check:
    """The line beside “Check now”. `at` follows the text."""

    text: str
    at: datetime | None = None
    is_running: bool = False


@dataclass(frozen=True)
class Overview:
    sections: Sequence[Section]
    check: Check
    # A failure of an intent that has no section.
    failure: LaunchFailure | None = None
    # Seconds until the page polls again, or None if no update is expected.
    polling_delay: int | None = None
    is_waiting: bool = False

    @property
    def steps(self) -> list[Section]:
        return [section for section in self.sections if section.is_in_plan and section.intent in STEPS]

    @property
    def others(self) -> list[Section]:
        return [section for section in self.sections if section.is_in_plan and section.intent not in STEPS]

    @property
    def no_longer_in_plan(self) -> list[Section]:
        return [section for section in self.sections if section.is_shown and not section.is_in_plan]

    @property
    def not_in_plan(self) -> list[Section]:
        return [section for section in self.sections if not section.is_shown]

    @property
    def announcement(self) -> str:
        """What a screen reader reads aloud when it has changed."""
        notice = next((section.notice for section in self.sections if section.notice), None)
        return str(notice or (self.check.text if self.check.is_running else ""))

    @property
    def notice(self) -> Notice | None:
        return next((section.notice for section in self.sections if section.notice), None)

    @property
    def updates_hash(self) -> str:
        return f"{zlib.crc32(self.announcement.encode()):08x}"


def build_overview(
    enterprise: Enterprise,
    *,
    plan: Iterable[Intent],
    viewer_id: int,
    last_action: LastAction | None,
    now: datetime,
) -> Overview:
    """`plan` are the intents that the enterprise may use."""
    included = set(plan)
    rows = load_rows(enterprise, now)
    sessions = list(shown_sessions(enterprise, rows.with_facts))
    causes = find_causes(sessions, rows.with_facts)
    context = Context(enterprise, rows, sessions_by_intent(sessions), causes, viewer_id, now)
    sections = [
        _remove_buttons(section, included)
        for section in (
            build_domains(context),
            build_sso(context),
            build_directory(context),
            *(build_not_mirrored(context, intent) for intent in NOT_MIRRORED),
        )
    ]
    sections = _mark_next_step(sections)
    failure = _current_failure(last_action, now)
    sections = _add_failure(sections, failure)
    if failure is None:
        sections = _add_notice(sections, context, last_action.at if last_action else None)
    is_placed = any(section.failure for section in sections)
    check = _describe_check(enterprise, rows, last_action, now)
    return Overview(
        sections,
        check,
        None if is_placed else failure,
        _find_polling_delay(sections, check, last_action, rows.arrivals, now),
        any(section.is_waiting for section in sections),
    )


def _remove_buttons(section: Section, plan: set[Intent]) -> Section:
    """The section without the buttons for intents that the plan does not include."""
    if section.intent in plan:
        return section
    return replace(section, buttons=(), urgency=None, is_in_plan=False)


def _mark_next_step(sections: Sequence[Section]) -> list[Section]:
    """Make one button of the page the primary one. The order of the sections decides between steps."""
    urgencies = [section.urgency for section in sections if section.urgency is not None]
    lowest = min(urgencies, default=None)
    chosen = next((one for one in sections if lowest is not None and one.urgency == lowest), None)
    if chosen is None or not chosen.buttons:
        return list(sections)
    first, *rest = chosen.buttons
    marked = replace(chosen, is_next=True, buttons=[replace(first, is_primary=True), *rest])
    return [marked if section is chosen else section for section in sections]


def _current_failure(last_action: LastAction | None, now: datetime) -> LaunchFailure | None:
    if last_action is None or now - last_action.at >= _FAILURE_SHOWN_FOR:
        return None
    return last_action.failure


def _add_failure(sections: Sequence[Section], failure: LaunchFailure | None) -> list[Section]:
    if failure is None:
        return list(sections)
    intent = Intent.SSO if failure.intent == Intent.CERTIFICATE_RENEWAL else failure.intent
    return [
        replace(section, failure=failure) if section.intent == intent and section.is_shown else section
        for section in sections
    ]


def _add_notice(
    sections: Sequence[Section], context: Context, last_action_at: datetime | None
) -> list[Section]:
    """The newest notice of the page, in the section that it belongs to."""
    rows = context.rows
    find = partial(
        find_notice,
        sessions=[one for own in context.sessions.values() for one in own],
        viewer_id=context.viewer_id,
        last_action_at=last_action_at,
        now=context.now,
    )
    active = [row for row in rows.connections if row.state == Connection.State.ACTIVE]
    own: dict[Intent, Sequence[Any]] = {
        Intent.DOMAIN_VERIFICATION: rows.domains,
        # While one is active, nobody says of another that single sign-on is off.
        Intent.SSO: [*(active or rows.connections), *rows.certificates],
        Intent.DSYNC: rows.directories,
    }
    found = {intent: notice for intent, its_rows in own.items() if (notice := find(its_rows)) is not None}
    for section in sections:
        # No good news in a card that needs attention.
        if section.state.tone == "bad" and section.intent in found and found[section.intent].tone == "good":
            del found[section.intent]
    newest = max(found, key=lambda intent: found[intent].shown_at, default=None)
    return [
        replace(section, notice=found[section.intent]) if section.intent == newest else section
        for section in sections
    ]


def _describe_check(
    enterprise: Enterprise, rows: Rows, last_action: LastAction | None, now: datetime
) -> Check:
    reconciled_at = enterprise.reconciled_at
    if last_action and last_action.is_check:
        waited = now - last_action.at
        is_done = reconciled_at is not None and reconciled_at >= last_action.at - MIN_CHECK_INTERVAL
        if not is_done and waited < MIN_CHECK_INTERVAL:
            return Check(_("Checking…"), is_running=True)
        if not is_done and waited < WAIT_LIMIT:
            return Check(str(wording.STILL_WAITING), is_running=True)
        if is_done and reconciled_at and now - max(reconciled_at, last_action.at) < SHOWN_FOR:
            changes = [row for row in rows.all if row.observed_at >= last_action.at]
            if last_action.previous_check and not changes:
                return Check(_("Up to date. Nothing changed since"), last_action.previous_check)
            return Check(_("Up to date, checked"), reconciled_at)
    if reconciled_at:
        return Check(_("Last checked"), reconciled_at)
    return Check(_("Updates automatically."))


def _find_polling_delay(
    sections: Sequence[Section],
    check: Check,
    last_action: LastAction | None,
    arrivals: Mapping[int, Arrival],
    now: datetime,
) -> int | None:
    waits = [at for section in sections for one in section.pending if (at := first_return_at(one))]
    if check.is_running and last_action:
        waits.append(last_action.at)
    delays = [polling_delay(max(waits), now=now)] if waits else []
    if arrivals:
        delays.append(ARRIVAL_POLLING_DELAY)
    # Once more when the notice is over, to take it away.
    delays += [
        max(1, int((section.notice.shown_at + SHOWN_FOR - now).total_seconds()) + 1)
        for section in sections
        if section.notice
    ]
    return min(delays, default=None)
