"""Facts about a connection or a directory: since when, by whom, and when that was last checked."""

from datetime import datetime

from django.utils.translation import gettext as _

from mirror.models import Connection, MirroredRow
from portal.page import wording
from portal.page.lines import Fact
from portal.page.sections.context import Context
from portal.page.sessions import name_person


def build_history_facts(context: Context, row: MirroredRow) -> list[Fact]:
    """Who set it up, as far as a portal session says so; the last change, and the last check."""
    facts = []
    cause = context.causes.get(row)
    if cause:
        is_active = row.state == Connection.State.ACTIVE
        term = _("Set up by") if is_active else _("Changed by")
        facts.append(Fact(term, name_person(cause), at=row.state_since, style="date"))
    facts.append(Fact(str(wording.describe_state(row).since), at=row.state_since))
    if row.as_of != row.state_since:
        facts.append(Fact(_("Last change"), at=row.as_of))
    return [*facts, *fact_if(context.enterprise.reconciled_at, _("Last checked"))]


def fact_if(at: datetime | None, term: str, *, style: str = "moment") -> list[Fact]:
    return [Fact(term, at=at, style=style)] if at else []
