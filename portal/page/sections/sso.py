"""The section Single sign-on: its connections and their certificates."""

from django.utils.translation import gettext_lazy as _

from enterprises.intents import Intent
from mirror.models import DELETED, Connection
from portal.page import lines, wording
from portal.page.lines import Fact, Line
from portal.page.progress import STARTED_STATES
from portal.page.providers import get_provider
from portal.page.sections.context import Context
from portal.page.sections.facts import build_history_facts, fact_if
from portal.page.sections.rows import WITH_FACTS
from portal.page.sections.section import LaunchButton, Section, Urgency
from portal.page.wording import INTENT_WORDINGS

_PROVIDER, _DOMAINS, _CONNECTION_ID = _("Provider"), _("Domains"), _("Connection ID")
_CERTIFICATE_VALID_UNTIL = _("Certificate valid until")


def build_sso(context: Context) -> Section:
    intent, renewal = Intent.SSO, Intent.CERTIFICATE_RENEWAL
    connections, words = context.rows.connections, INTENT_WORDINGS[intent]
    progresses = [
        context.get_progress(intent, connections),
        context.get_progress(renewal, context.rows.certificates),
    ]
    states = {row.state for row in connections}
    due = {row.connection_id: context.rows.due_certificate(row) for row in connections}
    is_certificate_due = any(due[row.connection_id] and lines.is_certificate_due(row) for row in connections)
    is_begun = bool(progresses[0].unfinished) or not states.isdisjoint(STARTED_STATES)
    is_off = Connection.State.INACTIVE in states
    is_usable = not states.isdisjoint({Connection.State.ACTIVE, Connection.State.VALIDATING})
    if is_off:
        label = wording.TURN_ON
    elif is_begun:
        label = words.resume
    else:
        label = words.manage if states - {DELETED} else words.configure
    buttons = [LaunchButton(intent, label)]
    urgency: int | None = Urgency.STEP
    if is_off:
        urgency = Urgency.SSO_OFF
    elif is_certificate_due:
        urgency = Urgency.CERTIFICATE
    elif is_usable:
        urgency = None
    if is_certificate_due:
        # Nobody can sign in while it is off: that comes first.
        buttons.insert(1 if is_off else 0, LaunchButton(renewal, INTENT_WORDINGS[renewal].configure))
    own = [
        lines.connection_line(
            row,
            due[row.connection_id],
            is_sso_active=Connection.State.ACTIVE in states,
            facts=_build_facts(context, row),
            now=context.now,
        )
        for row in connections
        if row.state not in STARTED_STATES
    ]
    if is_usable and not context.rows.verified_domains:
        own.append(Line(wording.NO_VERIFIED_DOMAIN, note=str(wording.NO_VERIFIED_DOMAIN.note)))
    begun = [lines.name_object(row) for row in connections if row.state in STARTED_STATES]
    known = [get_provider(row.connection_type) for row in connections if row.state != DELETED]
    return context.build_section(
        intent, own, progresses, buttons, urgency=urgency, begun=begun, known=known, is_begun=is_begun
    )


def _build_facts(context: Context, row: Connection) -> list[Fact]:
    if row.state not in WITH_FACTS:
        return []
    domains = context.rows.verified_domains
    return [
        Fact(_PROVIDER, lines.name_object(row)),
        *fact_if(context.rows.valid_until(row), _CERTIFICATE_VALID_UNTIL, style="date"),
        *([Fact(_DOMAINS, ", ".join(domains))] if domains else []),
        *build_history_facts(context, row),
        Fact(_CONNECTION_ID, id=row.connection_id),
    ]
