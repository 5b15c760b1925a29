"""Delete expired sessions."""

from datetime import datetime

from django.contrib.sessions.models import Session


def delete_expired_sessions(now: datetime) -> int:
    """Delete the sessions that have expired, which Django does not do by itself. Returns how many."""
    return Session.objects.filter(expire_date__lt=now).delete()[0]
