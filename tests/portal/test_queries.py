"""The number of queries per page does not grow with the number of rows."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.actions import Action
from audit.actor import Actor
from audit.log import append_audit_entries, build_audit_entry
from enterprises.models import Enterprise, Membership
from enterprises.rate_limits import WINDOW
from hostapp.models import User
from mirror.models import Certificate, Connection, Directory, OrganizationDomain
from portal.launches import end_interrupted_launches
from portal.models import PortalSession, SetupLink
from portal.page.sessions import shown_sessions
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db

PAGES = ["", "status/", "setup-links/", "members/", "history/"]


def create_rows(enterprise: Enterprise, ada: User, *, many: bool) -> None:
    now = timezone.now()
    connections, people, entries = (50, 500, 10_000) if many else (1, 1, 1)
    mirrored = {"organization_id": enterprise.organization_id, "as_of": now, "state_since": now}
    Connection.objects.bulk_create(
        Connection(connection_id=f"conn_{n}", state="active", **mirrored) for n in range(connections)
    )
    Certificate.objects.bulk_create(
        Certificate(
            key=f"c{n}",
            connection_id=f"conn_{n}",
            state="renewal_required",
            expires_at=now + timedelta(9),
            **mirrored,
        )
        for n in range(connections)
    )
    Directory.objects.bulk_create(
        Directory(directory_id=f"directory_{n}", state="active", **mirrored) for n in range(connections)
    )
    OrganizationDomain.objects.bulk_create(
        OrganizationDomain(domain_id=f"domain_{n}", domain=f"d{n}.example", state="verified", **mirrored)
        for n in range(connections)
    )
    users = User.objects.bulk_create(User(email=f"p{n}@acme.example", password="!") for n in range(people))
    Membership.objects.bulk_create(
        Membership(user=user, enterprise=enterprise, role="it_admin" if n % 10 == 0 else "member")
        for n, user in enumerate(users)
    )
    PortalSession.objects.bulk_create(
        PortalSession(enterprise=enterprise, user=user, intent="sso", outcome="opened", launched_at=now)
        for user in users
    )
    SetupLink.objects.bulk_create(
        SetupLink(
            enterprise=enterprise,
            email=user.email,
            intents=["sso"],
            sent_by=user,
            requested_at=now,
            expires_at=now,
        )
        for user in users
    )
    append_audit_entries(
        build_audit_entry(enterprise, Action.PORTAL_OPENED, Actor.from_user(ada), now) for _ in range(entries)
    )


@pytest.fixture
def query_count(acme: Enterprise, ada: User) -> Callable[[str], int]:
    client = signed_in(ada)

    def count(page: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/enterprises/acme-inc/{page}").status_code == 200
        return len(queries)

    return count


@pytest.mark.parametrize("page", PAGES)
def test_page_query_count_does_not_grow_with_the_rows(
    page: str, acme: Enterprise, ada: User, query_count: Callable[[str], int]
) -> None:
    create_rows(acme, ada, many=False)
    few = query_count(page)
    for model in (Certificate, Connection, Directory, OrganizationDomain, PortalSession, SetupLink):
        model._default_manager.all().delete()
    User.objects.exclude(pk=ada.pk).delete()

    create_rows(acme, ada, many=True)

    assert query_count(page) == few
    assert few <= 14


@pytest.fixture
def many_sessions(acme: Enterprise, birch: Enterprise, ada: User) -> None:
    """3,000 portal sessions, of which Acme has one and one launch was interrupted."""
    now = timezone.now()
    PortalSession.objects.bulk_create(
        PortalSession(
            enterprise=acme if n == 0 else birch,
            user=ada,
            intent="sso",
            outcome="requested" if n == 2999 else "opened",
            launched_at=now - timedelta(minutes=n),
        )
        for n in range(3000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE portal_portalsession")


@pytest.mark.usefixtures("many_sessions")
def test_portal_sessions_of_an_enterprise_use_their_index(acme: Enterprise) -> None:
    recent = PortalSession.objects.filter(enterprise=acme, launched_at__gt=timezone.now() - WINDOW)

    for rows in (shown_sessions(acme, {}), recent):
        assert "portal_session_newest" in rows.explain()


@pytest.mark.usefixtures("many_sessions")
def test_search_for_interrupted_launches_uses_its_index() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert end_interrupted_launches(timezone.now()) == 1

    (search,) = [query["sql"] for query in queries if "FOR UPDATE" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {search}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "portal_session_requested" in plan
