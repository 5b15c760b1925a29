"""The section Domains."""

from datetime import timedelta

from enterprises.intents import Intent
from mirror.models import OrganizationDomain
from portal.page import lines
from portal.page.sections.context import Context
from portal.page.sections.section import LaunchButton, Section, Urgency
from portal.page.wording import INTENT_WORDINGS

# How long a person who added a DNS record waits for it, before verifying is their next step again.
_DNS_DELAY = timedelta(days=1)


def build_domains(context: Context) -> Section:
    domains, intent = context.rows.domains, Intent.DOMAIN_VERIFICATION
    progress = context.get_progress(intent, domains)
    words = INTENT_WORDINGS[intent]
    is_done = bool(context.rows.verified_domains)
    label = words.resume if progress.unfinished else words.manage if is_done else words.configure
    waits_for_dns = any(
        one.finished_at and context.now - one.finished_at < _DNS_DELAY for one in progress.sessions
    ) and all(row.state == OrganizationDomain.State.PENDING for row in domains)
    return context.build_section(
        intent,
        [lines.domain_line(row) for row in domains],
        [progress],
        [LaunchButton(intent, label)],
        urgency=None if is_done or waits_for_dns else Urgency.STEP,
    )
