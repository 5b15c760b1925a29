"""The section Directory sync."""

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from enterprises.intents import Intent
from mirror.models import DELETED, Directory
from mirror.people_counts import Counts
from portal.page import lines, wording
from portal.page.lines import Fact
from portal.page.people import build_people_facts
from portal.page.providers import get_provider
from portal.page.sections.context import Context
from portal.page.sections.facts import build_history_facts
from portal.page.sections.rows import WITH_FACTS
from portal.page.sections.section import LaunchButton, Section, Urgency
from portal.page.wording import INTENT_WORDINGS

_PROVIDER, _DIRECTORY_ID = _("Provider"), _("Directory ID")


def build_directory(context: Context) -> Section:
    intent, directories = Intent.DSYNC, context.rows.directories
    progress, words = context.get_progress(intent, directories), INTENT_WORDINGS[intent]
    states = {row.state for row in directories}
    urgency: int | None = Urgency.STEP
    if Directory.State.INVALID_CREDENTIALS in states:
        label, urgency = wording.UPDATE_CREDENTIALS, Urgency.DIRECTORY_OFF
    elif Directory.State.INACTIVE in states:
        label, urgency = wording.TURN_ON, Urgency.DIRECTORY_OFF
    elif progress.unfinished:
        label = words.resume
    else:
        label = words.manage if states - {DELETED} else words.configure
    if urgency == Urgency.STEP and not states.isdisjoint(
        {Directory.State.ACTIVE, Directory.State.VALIDATING}
    ):
        urgency = None
    url = reverse("enterprises:people", args=[context.enterprise.slug])
    own = [lines.directory_line(row, facts=_build_facts(context, row, url)) for row in directories]
    known = [get_provider(row.directory_type) for row in directories if row.state != DELETED]
    return context.build_section(
        intent, own, [progress], [LaunchButton(intent, label)], urgency=urgency, known=known
    )


def _build_facts(context: Context, row: Directory, url: str) -> list[Fact]:
    """`url` leads to its people."""
    people = build_people_facts(
        context.rows.counts.get(row.pk, Counts()),
        context.rows.arrivals.get(row.pk),
        url=url,
    )
    if row.state not in WITH_FACTS:
        # Its people may arrive before its own event.
        return [] if row.state == DELETED else people
    return [
        Fact(_PROVIDER, lines.name_object(row)),
        *people,
        *build_history_facts(context, row),
        Fact(_DIRECTORY_ID, id=row.directory_id),
    ]
