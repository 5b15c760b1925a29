"""The sections of intents of which WorkOS reports nothing."""

from enterprises.intents import Intent
from portal.page import lines, wording
from portal.page.sections.context import Context
from portal.page.sections.section import LaunchButton, Section
from portal.page.wording import INTENT_WORDINGS

NOT_MIRRORED = (Intent.AUDIT_LOGS, Intent.LOG_STREAMS, Intent.BRING_YOUR_OWN_KEY)


def build_not_mirrored(context: Context, intent: Intent) -> Section:
    """WorkOS reports nothing of these, so the section shows who opened or finished them."""
    own, words = context.sessions.get(intent, []), INTENT_WORDINGS[intent]
    if intent == Intent.AUDIT_LOGS:
        # People only look at these: nothing is started or finished.
        opened = [lines.opened_line(one, now=context.now) for one in own[:1]]
        state = opened[0].words if opened else wording.NOT_OPENED
        return Section(intent, words, state, opened, [LaunchButton(intent, words.configure)])
    unfinished = context.get_progress(intent, ()).unfinished
    shown = [context.describe_progress(unfinished)] if unfinished else []
    shown += [lines.finished_line(one, now=context.now) for one in own if one.finished_at][:1]
    label = words.resume if unfinished else words.manage if shown else words.configure
    state = shown[0].words if shown else wording.NOT_SET_UP
    return Section(intent, words, state, shown, [LaunchButton(intent, label)])
