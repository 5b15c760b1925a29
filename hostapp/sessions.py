"""Sessions that have expired."""

from datetime import datetime

from django.contrib.sessions.models import Session


def delete_expired_sessions(now: datetime) -> int:
    """A periodic job: Django deletes none by itself. Returns how many."""
    return Session.objects.filter(expire_date__lt=now).delete()[0]
