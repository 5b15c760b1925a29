"""How old refused deliveries were, in the reader's language."""

from datetime import datetime

from django.utils.translation import gettext


def describe_age(issued_at: datetime | None, refused_at: datetime) -> str:
    """`12 h old` or `40 s in the future: your clock?`; blank without a trusted time of signing."""
    if issued_at is None:
        return ""
    seconds = (refused_at - issued_at).total_seconds()
    size = abs(seconds)
    if size < 120:
        amount = gettext("%(number)d s") % {"number": round(size)}
    elif size < 7200:
        amount = gettext("%(number)d min") % {"number": round(size / 60)}
    elif size < 172_800:
        amount = gettext("%(number)d h") % {"number": round(size / 3600)}
    else:
        amount = gettext("%(number)d days") % {"number": round(size / 86_400)}
    if seconds >= 0:
        return gettext("%(amount)s old") % {"amount": amount}
    return gettext("%(amount)s in the future: your clock?") % {"amount": amount}
