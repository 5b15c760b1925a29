"""What was refused is shown as an error, never as a success."""

from typing import Any

import pytest
import responses
from django.contrib.messages import get_messages
from django.utils import timezone

from audit.actor import COMMAND_LINE
from enterprises.lifecycle import deprovision
from enterprises.models import Enterprise, Invitation, Membership, Role
from hostapp.models import User
from tests.conftest import signed_in
from tests.factories import create_setup_link

pytestmark = pytest.mark.django_db


def shown(response: Any) -> list[tuple[str, str]]:
    return [(message.level_tag, message.message) for message in get_messages(response.wsgi_request)]


def test_setup_link_outside_the_plan_is_not_sent_again(
    workos_api: responses.RequestsMock, acme: Enterprise, ada: User
) -> None:
    link = create_setup_link(acme, ada, state="revoked", intents=["log_streams"])

    response = signed_in(ada).post(f"/enterprises/acme-inc/setup-links/{link.pk}/resend/")

    ((level, text),) = shown(response)
    assert (level, "Nothing was sent." in text) == ("error", True)


def test_invitation_of_someone_who_joined_in_the_meantime_is_not_sent_again(
    acme: Enterprise, ada: User, ben: User
) -> None:
    now = timezone.now()
    invitation = Invitation.objects.create(
        enterprise=acme, email=ben.email, role=Role.MEMBER, token_hash="1", invited_at=now, expires_at=now
    )

    response = signed_in(ada).post(f"/enterprises/acme-inc/invitations/{invitation.pk}/resend/")

    assert shown(response) == [("error", "ben@acme.example is already a member: Member.")]


def test_last_it_admin_is_not_demoted(ada: User) -> None:
    membership = Membership.objects.get()

    response = signed_in(ada).post(f"/enterprises/acme-inc/members/{membership.pk}/role/", {"role": "member"})

    assert [level for level, _ in shown(response)] == ["error"]


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("deprovision/", {"typed": "acme-inc"}),
        ("settings/", {"name": "Renamed", "domains": "", "intents": ["sso"]}),
        ("provision/", {}),
    ],
)
def test_deprovisioned_enterprise_is_not_changed_again(
    workos_api: responses.RequestsMock, acme: Enterprise, sam: User, path: str, data: dict[str, Any]
) -> None:
    deprovision(acme, COMMAND_LINE, timezone.now())

    response = signed_in(sam).post(f"/staff/enterprises/acme-inc/{path}", data)

    assert [level for level, _ in shown(response)] == ["error"]
    acme.refresh_from_db()
    assert acme.name == "Acme Inc."


def test_reconcile_of_unprovisioned_enterprises_does_nothing(sam: User) -> None:
    sam.is_superuser = True
    sam.save()
    new = Enterprise.objects.create(name="New", slug="new-one")

    response = signed_in(sam).post(
        "/admin/enterprises/enterprise/", {"action": "reconcile", "_selected_action": [new.pk]}
    )

    assert [level for level, _ in shown(response)] == ["error"]


def test_check_of_an_unprovisioned_enterprise_asks_nothing(ada: User) -> None:
    Enterprise.objects.update(organization=None)

    response = signed_in(ada).post("/enterprises/acme-inc/check/")

    assert [level for level, _ in shown(response)] == ["error"]
