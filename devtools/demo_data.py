"""The demo's data: two enterprises, their people, and a staff user."""

from django.contrib.auth import get_user_model
from django.utils import timezone

from audit.actor import COMMAND_LINE
from enterprises import provisioning
from enterprises.memberships import add_it_admin
from enterprises.models import Enterprise, Membership

PASSWORD = "sandbox-walk-2026"  # noqa: S105 - printed by the demo, for a database with nothing else in it

# Name, domain and members (email, name, role) of each enterprise.
ENTERPRISES = [
    (
        "Acme Inc.",
        "acme.example",
        [
            ("ada@acme.example", "Ada Adeyemi", Membership.Role.IT_ADMIN),
            ("ben@acme.example", "Ben Brandt", Membership.Role.MEMBER),
        ],
    ),
    ("Birch Ltd", "birch.example", [("cleo@birch.example", "Cleo Castro", Membership.Role.IT_ADMIN)]),
]
STAFF_EMAIL = "staff@saas.example"


def create_demo_data() -> list[Enterprise]:
    """Create the users, and enroll and provision the enterprises. Calls WorkOS's API (the sandbox)."""
    users = get_user_model().objects
    users.create_superuser(STAFF_EMAIL, PASSWORD, name="Sam of the staff")
    enterprises = []
    for name, domain, members in ENTERPRISES:
        enterprise = provisioning.enroll(name=name, domains=[domain])
        for email, full_name, role in members:
            user = users.create_user(email, PASSWORD, name=full_name)
            if role == Membership.Role.IT_ADMIN:
                add_it_admin(enterprise, email, COMMAND_LINE, timezone.now())
            else:
                Membership.objects.create(user=user, enterprise=enterprise, role=role)
        enterprises.append(provisioning.provision(enterprise))
    return enterprises
