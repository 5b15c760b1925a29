"""What a directory's lines say of its people and groups."""

from django.template.defaultfilters import floatformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mirror.people_counts import Arrival, Counts
from portal.page.lines import Fact

# While people arrive the page shows new numbers this often, in seconds.
ARRIVAL_POLLING_DELAY = 5


def build_people_facts(counts: Counts, arrival: Arrival | None, *, url: str) -> list[Fact]:
    """`12,481 people and 214 groups`, which leads to them, and when that changed last."""
    if counts.changed_at is None:
        return []
    facts = [Fact(_("People and groups"), _describe_counts(counts), url=url)]
    if arrival:
        return [*facts, Fact(_("First sync"), _describe_arrival(arrival))]
    return [*facts, Fact(_("Last people update"), at=counts.changed_at)]


def _describe_counts(counts: Counts) -> str:
    people = ngettext("%(number)s person", "%(number)s people", counts.active_people)
    groups = ngettext("%(number)s group", "%(number)s groups", counts.groups)
    return _("%(people)s and %(groups)s") % {
        "people": people % {"number": _format(counts.active_people)},
        "groups": groups % {"number": _format(counts.groups)},
    }


def _describe_arrival(arrival: Arrival) -> str:
    if arrival.expected is None:
        return _("In progress")
    return _("In progress: %(people)s of %(expected)s people") % {
        "people": _format(arrival.people),
        "expected": _format(arrival.expected),
    }


def _format(number: int) -> str:
    """`12,481`, as the language writes it."""
    return str(floatformat(number, "0g"))
