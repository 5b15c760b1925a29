"""What a section consists of."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

from enterprises.intents import Intent
from portal.models import PortalSession
from portal.page import wording
from portal.page.last_action import LaunchFailure
from portal.page.lines import Line
from portal.page.notices import Notice
from portal.page.providers import Provider
from portal.page.wording import IntentWording, StateWording


@dataclass(frozen=True)
class LaunchButton:
    """A button that launches the Admin Portal. `nonce` is that of the portal session it starts."""

    intent: Intent
    label: wording.Text
    # The next step. One button of the page at most.
    is_primary: bool = False
    nonce: uuid.UUID = field(default_factory=uuid.uuid4)


@dataclass(frozen=True)
class Section:
    """One intent. Its first button is the most important one."""

    intent: Intent
    wording: IntentWording
    state: StateWording
    lines: Sequence[Line]
    buttons: Sequence[LaunchButton] = ()
    is_in_plan: bool = True
    # Which section is the next step: the lowest one, see Urgency. None if nothing is to be done.
    urgency: int | None = None
    is_next: bool = False
    # Those that a person chooses from, or the one that they chose.
    providers: Sequence[Provider] = ()
    notice: Notice | None = None
    failure: LaunchFailure | None = None
    # Portal sessions about which WorkOS may still report, and whether something must come.
    pending: Sequence[PortalSession] = ()
    is_waiting: bool = False

    @property
    def is_optional(self) -> bool:
        return self.intent == Intent.DSYNC and not self.is_set_up

    @property
    def is_set_up(self) -> bool:
        return self.state not in (wording.NOT_SET_UP, wording.NOT_OPENED)

    @property
    def is_done(self) -> bool:
        return self.state.tone == "good"

    @property
    def is_shown(self) -> bool:
        """Whether the plan includes it, or it is set up anyway: a plan can be reduced."""
        return self.is_in_plan or self.state.tone in {"good", "bad"}

    @cached_property
    def has_several_objects(self) -> bool:
        """Otherwise the state beside the heading is that of the object, too."""
        return sum(line.words != wording.NO_VERIFIED_DOMAIN for line in self.lines) > 1


class Urgency(IntEnum):
    """The section with the lowest one is the next step."""

    SSO_OFF = 0
    CERTIFICATE = 1
    DIRECTORY_OFF = 2
    STEP = 3


# Of several states, the first one with the first of these tones is the section's.
_TONES = ("bad", "good", "wait", "off")


def choose_state(states: Sequence[StateWording]) -> StateWording:
    """The state of a section, of those of its objects."""
    objects = [state for state in states if state != wording.NO_VERIFIED_DOMAIN]
    return next((state for tone in _TONES for state in objects if state.tone == tone), wording.NOT_SET_UP)
