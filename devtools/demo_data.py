"""The people and companies of the demo."""

from django.contrib.auth import get_user_model
from django.utils import timezone

from audit.actor import COMMAND_LINE
from enterprises import provisioning
from enterprises.memberships import add_it_admin
from enterprises.models import Enterprise, Membership

PASSWORD = "sandbox-walk-2026"  # noqa: S105 - printed on the screen, for a database that holds nothing else

# Each enterprise, its domain and its people.
CAST = [
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
STAFF = "staff@saas.example"


def seed() -> list[Enterprise]:
    """Enroll and provision the cast. Needs WorkOS, or the sandbox in its place."""
    people = get_user_model().objects
    people.create_superuser(STAFF, PASSWORD, name="Sam of the staff")
    enterprises = []
    for name, domain, members in CAST:
        enterprise = provisioning.enroll(name=name, domains=[domain])
        for email, full_name, role in members:
            user = people.create_user(email, PASSWORD, name=full_name)
            if role == Membership.Role.IT_ADMIN:
                add_it_admin(enterprise, email, COMMAND_LINE, timezone.now())
            else:
                Membership.objects.create(user=user, enterprise=enterprise, role=role)
        enterprises.append(provisioning.provision(enterprise))
    return enterprises
