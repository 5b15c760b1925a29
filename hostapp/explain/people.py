"""What is known of a person by their address: here, in directories, and at WorkOS as an IT contact."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q

from audit.models import AuditEntry
from enterprises.access import find_user_by_email
from enterprises.email_addresses import normalize_email
from enterprises.models import Invitation, ITContact, Membership, UndeliverableAddress
from hostapp.explain.findings import Facts, Finding
from hostapp.explain.objects import explain_directory_users
from hostapp.models import User
from mirror.models import Directory
from mirror.people_models import DirectoryUser, DirectoryUserState
from mirror.people_parsing import fold_email
from portal.models import PortalSession, SetupLink

_MAX_ROWS = 20


def find_person(email: str) -> Iterator[Finding]:
    email = normalize_email(email)
    user = find_user_by_email(email)
    related = {name: rows for name, rows in _find_related(email, user).items() if rows}
    if user is not None:
        yield _explain_user(user, related)
    elif related:
        yield Finding(kind="address", id=email, title="Nobody signs in with it.", related=related)
    yield from explain_directory_users(_directory_users(email))


def find_user(user_id: str) -> Iterator[Finding]:
    """The person with this id of ours."""
    if user_id.isdecimal() and len(user_id) < 19:
        for user in User.objects.filter(pk=int(user_id)):
            yield from find_person(user.email)


def _directory_users(email: str) -> Any:
    # With all that the index of addresses begins with.
    return DirectoryUser.objects.filter(
        directory__in=Directory.objects.values("pk"),
        state__in=["", *DirectoryUserState.values],
        email_key=fold_email(email),
        is_announced=True,
    ).order_by("pk")


def _explain_user(user: User, related: Any) -> Finding:
    return Finding(
        kind="user",
        id=str(user.pk),
        title=user.get_full_name(),
        state="active" if user.is_active else "deactivated",
        since=user.date_joined,
        facts={
            "email": user.email,
            "is_staff": user.is_staff,
            "has_password": user.has_usable_password(),
            "last_login": user.last_login,
        },
        related=related,
    )


def _find_related(email: str, user: User | None) -> dict[str, list[Facts]]:
    return {
        "memberships": _memberships_of(user),
        "invitations": [
            {"enterprise": one.enterprise.slug, "role": one.role, "expires_at": one.expires_at}
            for one in Invitation.objects.filter(email=email).select_related("enterprise")
        ],
        "it_contacts": [
            {"enterprise": one.enterprise.slug, "purpose": one.purpose, "contact_id": one.contact_id}
            for one in ITContact.objects.filter(email=email).select_related("enterprise").order_by("pk")
        ],
        "setup_links": [
            {
                "enterprise": one.enterprise.slug,
                "state": one.state,
                "requested_at": one.requested_at,
                "expires_at": one.expires_at,
            }
            for one in SetupLink.objects.filter(email=email)
            .select_related("enterprise")
            .order_by("-requested_at")[:_MAX_ROWS]
        ],
        "portal_sessions": _portal_sessions_of(user),
        "refused_mails": [
            {"reason": one.reason, "refused_at": one.refused_at}
            for one in UndeliverableAddress.objects.filter(email=email)
        ],
        "audit_log": _audit_entries_about(email),
    }


def _memberships_of(user: User | None) -> list[Facts]:
    memberships = Membership.objects.filter(user=user).select_related("enterprise").order_by("pk")
    return [
        {"enterprise": one.enterprise.slug, "role": one.role, "since": one.created_at}
        for one in (memberships if user else ())
    ]


def _portal_sessions_of(user: User | None) -> list[Facts]:
    sessions = PortalSession.objects.filter(user=user).select_related("enterprise").order_by("-launched_at")
    return [
        {
            "enterprise": one.enterprise.slug,
            "intent": one.intent,
            "outcome": one.outcome,
            "launched_at": one.launched_at,
            "reference": one.reference,
        }
        for one in (sessions[:_MAX_ROWS] if user else ())
    ]


def _audit_entries_about(email: str) -> list[Facts]:
    """What was done by or to the person: entries name people as `Ada <ada@…>` or by the address alone."""
    named = Q()
    for column in ("actor", "target"):
        named |= Q(**{column: email}) | Q(**{f"{column}__endswith": f"<{email}>"})
    return [
        {
            "at": one.at,
            "enterprise": one.subject_name,
            "action": one.action,
            "actor": one.actor,
            "target": one.target,
            "outcome": one.outcome,
        }
        for one in AuditEntry.objects.filter(named).order_by("-at", "-id")[:_MAX_ROWS]
    ]
