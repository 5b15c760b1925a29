"""The session store: Django's in the database, with columns by which a person finds their sessions.

A session ends when its row is deleted, when it expires, and when it no longer fits the account: its hash is
made of the password and of `User.session_generation`.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.db.models import Q
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.dateparse import parse_datetime

from audit.actor import get_client_ip
from hostapp.models import Session, User
from hostapp.user_agents import describe_user_agent

# `last_used_at` is written at most this often, so that a request seldom writes.
LAST_USED_INTERVAL = timedelta(minutes=5)
_SIGNED_IN_AT = "signed_in_at"


@dataclass(frozen=True)
class Client:
    """Where a request came from."""

    ip: str | None = None
    user_agent: str = ""

    @classmethod
    def from_request(cls, request: HttpRequest) -> "Client":
        # PostgreSQL holds no NUL character.
        user_agent = request.headers.get("User-Agent", "").replace("\0", "")
        return cls(get_client_ip(request), user_agent[: Session._meta.get_field("user_agent").max_length])


class SessionStore(DatabaseSessionStore):
    """Each save writes who is signed in, since when, and from where."""

    # SessionUseMiddleware sets it.
    client = Client()
    # Of the row as it was loaded.
    last_used_at: datetime | None = None

    @classmethod
    def get_model_class(cls) -> Any:
        return Session

    def _get_session_from_db(self) -> Any:
        row = super()._get_session_from_db()  # type: ignore[misc]
        if row is not None:
            self.last_used_at = row.last_used_at
        return row

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        row: Any = super().create_model_instance(data)
        row.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        row.signed_in_at = parse_datetime(data.get(_SIGNED_IN_AT, ""))
        row.client_ip, row.user_agent = self.client.ip, self.client.user_agent
        return row


@receiver(user_logged_in, dispatch_uid="hostapp.sessions")
def _remember_sign_in(request: HttpRequest, **kwargs: Any) -> None:
    if hasattr(request, "session"):
        request.session[_SIGNED_IN_AT] = timezone.now().isoformat()


class SessionUseMiddleware:
    """Records when and from where a session was last used. Place it after AuthenticationMiddleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        session = request.session
        if isinstance(session, SessionStore):
            session.client = Client.from_request(request)
        response = self.get_response(request)
        if isinstance(session, SessionStore) and not session.modified:
            _record_use(session, timezone.now())
        return response


def _record_use(session: SessionStore, now: datetime) -> None:
    """Without saving the session: that could bring back data that another request has replaced."""
    if session.last_used_at is None or now - session.last_used_at < LAST_USED_INTERVAL:
        return
    Session.objects.filter(pk=session.session_key).update(
        last_used_at=now, client_ip=session.client.ip, user_agent=session.client.user_agent
    )


@dataclass(frozen=True)
class ListedSession:
    """A session as its owner sees it. `id` is made of the key, which is secret."""

    id: str
    browser: str
    client_ip: str | None
    signed_in_at: datetime | None
    last_used_at: datetime
    is_current: bool


def list_sessions(user: User, current: SessionBase, *, now: datetime) -> list[ListedSession]:
    """The sessions in which `user` is signed in: the current one first, then by last use."""
    listed = [
        ListedSession(
            id=_make_id(row),
            browser=describe_user_agent(row.user_agent),
            client_ip=row.client_ip,
            signed_in_at=row.signed_in_at,
            last_used_at=row.last_used_at,
            is_current=row.session_key == current.session_key,
        )
        for row in _live_sessions(user, now)
    ]
    return sorted(listed, key=lambda session: (session.is_current, session.last_used_at), reverse=True)


def end_session(user: User, session_id: str) -> bool:
    """Sign out the session of `user` with this id. False if there is none."""
    for row in Session.objects.filter(user=user):
        if constant_time_compare(_make_id(row), session_id):
            return bool(Session.objects.filter(pk=row.pk).delete()[0])
    return False


def end_all_sessions(user: User) -> None:
    """Sign `user` out everywhere."""
    Session.objects.filter(user=user).delete()


def _live_sessions(user: User, now: datetime) -> list[Session]:
    """Without those that a new password or a deactivation has ended; their rows are still there."""
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return [
        row
        for row in Session.objects.filter(user=user, expire_date__gt=now)
        if any(
            constant_time_compare(row.get_decoded().get(HASH_SESSION_KEY, ""), session_hash)
            for session_hash in hashes
        )
    ]


def _make_id(row: Session) -> str:
    return hashlib.sha256(f"hostapp.sessions {row.session_key}".encode()).hexdigest()[:32]


def delete_expired_sessions(now: datetime) -> int:
    """Delete the sessions that have expired or whose person was deactivated; a periodic job.

    Django does not do so by itself. Returns how many.
    """
    return Session.objects.filter(Q(expire_date__lt=now) | Q(user__is_active=False)).delete()[0]
