"""The rows that `bench.pages` shows: one large customer among many, and its events, people and history."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEntry
from enterprises.models import Enterprise, Membership
from hostapp.models import User
from mirror.models import Certificate, Connection, Directory, Organization, OrganizationDomain
from mirror.people_models import DirectoryCount, DirectoryUser
from portal.models import PortalSession

# The customer whose pages are measured.
SLUG = "acme"
MEMBERS, IT_ADMINS = 500, 10
CONNECTIONS, DIRECTORIES, DOMAINS = 20, 5, 25
SESSIONS, ENTRIES = 200, 10_000
PEOPLE = 5_000
EVENTS_PER_CUSTOMER = 10

_INSERT_ENTRIES = """
INSERT INTO audit_auditentry (at, subject, subject_name, action, actor, target, outcome, client_ip, session)
SELECT now() - n * interval '1 hour', %(subject)s, 'Acme Inc.', (%(actions)s::text[])[1 + n %% %(kinds)s],
    'ada@acme.example', 'person' || n || '@acme.example', 'Okta SAML · Acme', '192.0.2.1', ''
FROM generate_series(1, %(count)s) AS n
"""
_INSERT_EVENTS = """
INSERT INTO webhooks_webhookevent (event_id, event, issued_at, created_at, received_at, payload, secret_name,
    status, reason, attempts, unfinished_attempts, due_at, awaited_organization_id)
SELECT 'event_' || lpad(n::text, 26, '0'), (ARRAY['dsync.user.updated', 'connection.activated',
    'dsync.group.user_added', 'organization_domain.verified'])[1 + n %% 4], now(), now(),
    now() - (%(count)s - n) * interval '1 second',
    jsonb_build_object('data', jsonb_build_object('id', 'object_' || n, 'organization_id',
        'org_' || n %% 10000, 'note', repeat('x', 800))),
    'current', CASE WHEN n %% 5000 = 0 THEN 'failed' WHEN n %% 3 = 0 THEN 'ignored' ELSE 'applied' END,
    CASE WHEN n %% 5000 = 0 THEN 'The domain belongs to another organization.' ELSE '' END, 1, 0, NULL, ''
FROM generate_series(1, %(count)s) AS n
"""
_ACTIONS = (
    Action.CONNECTION_ACTIVATED,
    Action.INVITED,
    Action.DOMAIN_VERIFIED,
    Action.ROLE_CHANGED,
    Action.DIRECTORY_ACTIVATED,
)


def create_data(customers: int) -> tuple[User, User]:
    """So many customers. Returns an IT admin of the large customer, and a superuser."""
    staff = User.objects.create_superuser("staff@saas.example", name="Sam Staff")
    create_customers(customers)
    acme = Enterprise.objects.get(slug=SLUG)
    ada = create_members(acme)
    create_objects(acme)
    create_history(acme, ada)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_EVENTS, {"count": customers * EVENTS_PER_CUSTOMER})
        cursor.execute("VACUUM ANALYZE")
    return ada, staff


def create_customers(count: int) -> None:
    now = timezone.now()
    organizations = [
        Organization(organization_id=f"org_{number}", name=f"Customer {number}", as_of=now, reconciled_at=now)
        for number in range(count)
    ]
    Organization.objects.bulk_create(organizations, batch_size=1000)
    enterprises = [
        Enterprise(name=f"Customer {number:05}", slug=f"customer-{number}", organization=organization)
        for number, organization in enumerate(organizations)
    ]
    enterprises[0].name, enterprises[0].slug = "Acme Inc.", SLUG
    Enterprise.objects.bulk_create(enterprises, batch_size=1000)
    others = range(1, count)
    mirrored = {"as_of": now, "state_since": now}
    Connection.objects.bulk_create(
        Connection(
            organization_id=f"org_{number}",
            connection_id=f"conn_other_{number}",
            connection_type="OktaSAML",
            state="active" if number % 10 else "inactive",
            **mirrored,
        )
        for number in others
    )
    Directory.objects.bulk_create(
        Directory(
            organization_id=f"org_{number}",
            directory_id=f"directory_other_{number}",
            directory_type="okta scim v2.0",
            state="active",
            **mirrored,
        )
        for number in others
    )
    OrganizationDomain.objects.bulk_create(
        OrganizationDomain(
            organization_id=f"org_{number}",
            domain_id=f"org_domain_other_{number}",
            domain=f"customer{number}.example",
            state="verified",
            **mirrored,
        )
        for number in others
    )
    AuditEntry.objects.bulk_create(
        AuditEntry(
            at=now,
            subject=enterprise.external_id,
            subject_name=enterprise.name,
            action=Action.PROVISIONED,
            actor="System",
        )
        for enterprise in enterprises
    )


def create_members(acme: Enterprise) -> User:
    users = User.objects.bulk_create(
        User(email=f"person{number:03}@acme.example", name=f"Person {number:03}") for number in range(MEMBERS)
    )
    Membership.objects.bulk_create(
        Membership(
            user=user,
            enterprise=acme,
            role=Membership.Role.IT_ADMIN if number < IT_ADMINS else Membership.Role.MEMBER,
        )
        for number, user in enumerate(users)
    )
    return users[0]


def create_objects(acme: Enterprise) -> None:
    """What WorkOS reports of the large customer, and its directories' people."""
    now = timezone.now()
    own = {"organization_id": acme.organization_id, "as_of": now, "observed_at": now - timedelta(days=3)}
    own["state_since"] = now - timedelta(days=3)
    Connection.objects.bulk_create(
        Connection(
            connection_id=f"conn_01BENCH{number:020}",
            name=f"Acme {number}",
            connection_type="OktaSAML" if number % 2 else "EntraIdSAML",
            state="active",
            **own,
        )
        for number in range(CONNECTIONS)
    )
    Certificate.objects.bulk_create(
        Certificate(
            connection_id=f"conn_01BENCH{number:020}",
            key=f"conn_01BENCH{number:020}/ResponseSigning",
            certificate_type="ResponseSigning",
            state="renewal_required" if number == 0 else "renewed",
            expires_at=now + timedelta(days=30 + number),
            **own,
        )
        for number in range(CONNECTIONS)
    )
    OrganizationDomain.objects.bulk_create(
        OrganizationDomain(
            domain_id=f"org_domain_{number}",
            domain=f"acme{number}.example",
            state="verified" if number % 5 else "pending",
            **own,
        )
        for number in range(DOMAINS)
    )
    directories = Directory.objects.bulk_create(
        Directory(
            directory_id=f"directory_01BENCH{number:016}",
            name=f"Acme {number}",
            directory_type="okta scim v2.0",
            state="active",
            listed_people=PEOPLE,
            listed_groups=0,
            **own,
        )
        for number in range(DIRECTORIES)
    )
    times = {"as_of": now, "observed_at": now, "state_since": now, "created_at": now}
    for directory in directories:
        DirectoryUser.objects.bulk_create(
            DirectoryUser(
                directory=directory,
                is_announced=True,
                user_id=f"directory_user_{number}",
                idp_id=f"idp_{number}",
                state="active",
                name=f"Ada Torp{number}",
                name_key=f"ada torp{number}",
                last_name_key=f"torp{number}",
                email=f"ada.torp{number}@acme.example",
                email_key=f"ada.torp{number}@acme.example",
                **times,
            )
            for number in range(PEOPLE)
        )
        DirectoryCount.objects.create(
            directory=directory, active_people=PEOPLE, inactive_people=0, groups=0, changed_at=now
        )


def create_history(acme: Enterprise, ada: User) -> None:
    """Portal sessions, each with three entries of the audit log, and other entries between them."""
    now = timezone.now()
    intents = ("sso", "dsync", "domain_verification", "certificate_renewal")
    sessions = PortalSession.objects.bulk_create(
        PortalSession(
            enterprise=acme,
            user=ada,
            intent=intents[number % len(intents)],
            outcome="opened",
            launched_at=now - timedelta(days=2, hours=number),
            returned_at=now - timedelta(days=2, hours=number, minutes=-9),
            finished_at=now - timedelta(days=2, hours=number, minutes=-8),
            links=1,
        )
        for number in range(SESSIONS)
    )
    steps = (
        (Action.PORTAL_OPENED, 0, "Single sign-on"),
        (Action.PORTAL_FINISHED, 8, ""),
        (Action.PORTAL_RETURNED, 9, ""),
    )
    AuditEntry.objects.bulk_create(
        AuditEntry(
            at=session.launched_at + timedelta(minutes=minutes),
            subject=acme.external_id,
            subject_name=acme.name,
            action=action,
            actor=ada.email,
            outcome=outcome,
            session=str(session.nonce),
        )
        for session in sessions
        for action, minutes, outcome in steps
    )
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT_ENTRIES,
            {
                "subject": acme.external_id,
                "actions": [action.value for action in _ACTIONS],
                "kinds": len(_ACTIONS),
                "count": ENTRIES - len(sessions) * len(steps),
            },
        )
