"""Facts about a connection or a directory: since when, by whom, and when that was last checked."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from mirror.models import Connection, MirroredRow
from portal.page import wording
from portal.page.lines import Fact
from portal.page.sections.context import Context
from portal.page.sessions import name_person
from portal.page.wording import Text

_SET_UP_BY, _CHANGED_BY = _("Set up by"), _("Changed by")
_LAST_CHANGE, _LAST_CHECKED = _("Last change"), _("Last checked")


def build_history_facts(context: Context, row: MirroredRow) -> list[Fact]:
    """Who set it up, as far as a portal session says so; the last change, and the last check."""
    facts: list[Fact] = []
    cause = context.causes.get(row)
    if cause:
        is_active = row.state == Connection.State.ACTIVE
        term = _SET_UP_BY if is_active else _CHANGED_BY
        facts.append(Fact(term, name_person(cause), at=row.state_since, style="date"))
    facts.append(Fact(wording.describe_state(row).since, at=row.state_since))
    if row.as_of != row.state_since:
        facts.append(Fact(_LAST_CHANGE, at=row.as_of))
    return [*facts, *fact_if(context.enterprise.reconciled_at, _LAST_CHECKED)]


def fact_if(at: datetime | None, term: Text, *, style: str = "moment") -> list[Fact]:
    return [Fact(term, at=at, style=style)] if at else []
