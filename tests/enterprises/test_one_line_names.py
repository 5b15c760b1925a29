"""Names are one line, wherever they come from, so that mails, CSV files and logs stay what they are."""

from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

import gateway
from audit.actor import COMMAND_LINE, Actor
from audit.one_line import fold_to_one_line
from enterprises import invitations, lifecycle, provisioning
from enterprises.models import Enterprise, Invitation
from hostapp.models import User
from mirror.models import Connection
from outbox.runner import run_due_tasks
from sandbox.client import Sandbox
from tests.conftest import signed_in
from tests.deliveries import deliver
from tests.enterprises.test_commands import run_command
from webhooks.inbox import apply_waiting

pytestmark = pytest.mark.django_db

TYPED = " Acme\r\nBcc: eve@evil.example\t\x1b[31m\u2028\u202eInc "
ONE_LINE = "Acme Bcc: eve@evil.example [31m Inc"


@given(st.text())
def test_any_text_becomes_one_line_that_stays_as_it_is(text: str) -> None:
    folded = fold_to_one_line(text)

    assert len(folded.splitlines()) <= 1
    assert len(folded) <= len(text)
    assert fold_to_one_line(folded) == folded
    assert folded.isprintable() or not folded.isascii()


def test_ordinary_names_are_not_changed() -> None:
    for name in ("Acme Inc.", "Bücher & Söhne GmbH", "株式会社アクメ", "می‌خواهم", "O’Brien 👩‍💻"):
        assert fold_to_one_line(name) == name


def by_staff_form(name: str, sam: User, folder: Path) -> None:
    form = {"name": name, "slug": "acme", "domains": "", "it_admin": ""}
    assert signed_in(sam).post("/staff/provision-enterprise/", form).status_code == 302


def by_staff_change(name: str, sam: User, folder: Path) -> None:
    provisioning.enroll(name="Before", slug="acme")
    form = {"name": name, "domains": "", "intents": "sso"}
    assert signed_in(sam).post("/staff/enterprises/acme/settings/", form).status_code == 302


def by_command(name: str, sam: User, folder: Path) -> None:
    run_command("provision_enterprise", name, "--slug", "acme")


def by_csv(name: str, sam: User, folder: Path) -> None:
    file = folder / "enterprises.csv"
    file.write_text(f'name,slug\r\n"{name}",acme\r\n', newline="")
    run_command("provision_enterprise", "--csv", str(file), "--per-minute", "60000")


def by_enrolling_twice(name: str, sam: User, folder: Path) -> None:
    # Repeating with the same text is no conflict.
    for _ in range(2):
        provisioning.enroll(name=name, slug="acme")


def by_renaming(name: str, sam: User, folder: Path) -> None:
    for _ in range(2):
        enterprise = (
            provisioning.enroll(name="Before", slug="acme") if not Enterprise.objects.exists() else None
        )
        lifecycle.rename(enterprise or Enterprise.objects.get(), name, COMMAND_LINE, timezone.now())


def by_the_orm(name: str, sam: User, folder: Path) -> None:
    Enterprise.objects.bulk_create([Enterprise(name="Before", slug="acme")])
    Enterprise.objects.filter(slug="acme").update(name=name)


@pytest.mark.parametrize(
    "entrance",
    [by_staff_form, by_staff_change, by_command, by_csv, by_enrolling_twice, by_renaming, by_the_orm],
)
def test_enterprise_name_is_one_line_at_every_entrance(
    entrance: Any, workos_sandbox: Sandbox, sam: User, tmp_path: Path
) -> None:
    entrance(TYPED, sam, tmp_path)

    assert Enterprise.objects.get().name == ONE_LINE
    assert {one["name"] for one in workos_sandbox.organizations()} <= {ONE_LINE, "Before"}


def test_organization_name_from_workos_is_one_line_and_fits(workos_sandbox: Sandbox) -> None:
    client = gateway.get_client()
    organization = client.organizations.create_organization(name=f"Acme\nInc {'x' * 200}")
    run_command("link_enterprise", "acme", "--organization-id", organization.id, "--yes")

    assert Enterprise.objects.get().name == f"Acme Inc {'x' * 200}"[:150]


def test_user_name_is_one_line_at_every_entrance(acme: Enterprise, ada: User, sam: User) -> None:
    sam.is_superuser = True
    sam.save()
    form = {"email": ada.email, "name": TYPED, "is_active": "on"}
    assert signed_in(sam).post(f"/admin/hostapp/user/{ada.pk}/change/", form).status_code == 302
    ada.refresh_from_db()
    assert ada.name == ONE_LINE

    invitations.invite(acme, "eve@acme.example", "member", Actor.from_user(ada), timezone.now())
    invitation = Invitation.objects.get()
    eve = invitations.accept_invitation_as_new_user(
        invitation, name=TYPED, password="a very good battery", client_ip=None, now=timezone.now()
    )
    assert isinstance(eve, User)
    assert eve.name == User.objects.get(pk=eve.pk).name == ONE_LINE


def test_mails_name_inviter_enterprise_and_connection_in_one_line(acme: Enterprise, ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(name="Eve\nYour account is locked: https://evil.example/")
    Enterprise.objects.update(name="Acme\r\nBcc: eve@evil.example")
    ada.refresh_from_db()
    acme.refresh_from_db()
    deliver("connection.activated", name="Okta\nYour account is locked: https://evil.example/")
    apply_waiting(now=timezone.now())
    invitations.invite(acme, "eve@acme.example", "member", Actor.from_user(ada), timezone.now())
    while run_due_tasks(now=timezone.now()):
        pass

    assert Connection.objects.get().name == "Okta Your account is locked: https://evil.example/"
    assert sorted(message.subject for message in mail.outbox) == [
        "Single sign-on is active · Acme Bcc: eve@evil.example",
        "You're invited · Acme Bcc: eve@evil.example",
    ]
    for message in mail.outbox:
        assert not message.bcc
        assert not [line for line in message.body.splitlines() if line.startswith("Your account is locked")]
