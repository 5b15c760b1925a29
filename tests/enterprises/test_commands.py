"""The staff's commands: what they say, what they change, and how they end."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command, load_command_class
from django.utils import timezone

import gateway
from enterprises import errands, history
from enterprises.models import Enterprise, Errand, Invitation, Membership
from hostapp.models import User
from sandbox.client import Sandbox

pytestmark = pytest.mark.django_db

COMMANDS = [
    "provision_enterprise",
    "link_enterprise",
    "deprovision_enterprise",
    "list_enterprises",
    "show_enterprise",
    "invite_it_admin",
]


def run(name: str, *arguments: str) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def run_json(name: str, *arguments: str) -> Any:
    return json.loads(run(name, *arguments, "--json"))


def refused(name: str, *arguments: str) -> CommandError:
    with pytest.raises(CommandError) as raised:
        run(name, *arguments)
    return raised.value


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_has_an_example_and_json(name: str) -> None:
    text = load_command_class("enterprises", name).create_parser("manage.py", name).format_help()

    assert f"\n  manage.py {name}" in text
    assert "--json" in text
    assert ("--dry-run" in text) is (not name.startswith(("list", "show")))


def test_a_name_or_a_file_and_not_both() -> None:
    assert refused("provision_enterprise").returncode == 2
    assert refused("provision_enterprise", "Acme", "--csv", "x.csv").returncode == 2
    assert refused("provision_enterprise", "--csv", "no-such-file.csv").returncode == 2


def test_provisioning_is_reported_as_json_and_tried_dry(workos_sandbox: Sandbox) -> None:
    dry = run_json("provision_enterprise", "Acme Inc.", "--domain", "acme.example", "--dry-run")
    assert (dry["slug"], dry["domains"]) == ("acme-inc", ["acme.example"])
    assert not Enterprise.objects.exists()

    report = run_json("provision_enterprise", "Acme Inc.")

    assert report["state"] == "ready"
    assert report["organization_id"] == workos_sandbox.organizations()[0]["id"]


CSV = """name,slug,domains,it_admin
Acme Inc.,,acme.example other.example,ada@acme.example
Birch Ltd,birch,,
Bad Mail,,gmail.com,
Acme Inc.,,,
,,,
"""


def test_many_are_provisioned_and_the_report_says_what_failed_and_why(
    workos_sandbox: Sandbox, tmp_path: Path
) -> None:
    file = tmp_path / "enterprises.csv"
    file.write_text(CSV)
    out, err = StringIO(), StringIO()

    with pytest.raises(CommandError) as raised:
        call_command(
            "provision_enterprise", "--csv", str(file), "--per-minute", "60000", stdout=out, stderr=err
        )

    assert raised.value.returncode == 1
    assert "2 of 5 are provisioned, 3 failed." in out.getvalue()
    assert "line 4: Bad Mail: gmail.com is a public mail provider" in out.getvalue()
    assert "line 5: Acme Inc.: “acme-inc” stands in line 2 already" in out.getvalue()
    assert "5/5, 3 failed" in err.getvalue()
    assert sorted(one["name"] for one in workos_sandbox.organizations()) == ["Acme Inc.", "Birch Ltd"]
    assert Membership.objects.get().role == "it_admin"

    # Again, with the lines mended.
    file.write_text(CSV.split("Bad Mail", maxsplit=1)[0])
    assert "2 of 2 are provisioned, 0 failed." in run("provision_enterprise", "--csv", str(file))
    assert len(workos_sandbox.organizations()) == 2


def test_a_dry_run_of_many_checks_them_and_does_nothing(workos_sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "enterprises.csv"
    file.write_text("name\nAcme Inc.\n")

    assert "1 of 1 could be provisioned" in run("provision_enterprise", "--csv", str(file), "--dry-run")
    assert not Enterprise.objects.exists()


def test_a_file_with_other_columns_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "enterprises.csv"
    file.write_text("company\nAcme Inc.\n")

    assert refused("provision_enterprise", "--csv", str(file)).returncode == 2


def test_many_wait_as_long_as_workos_asks(
    workos_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("enterprises.bulk.time.sleep", slept.append)
    file = tmp_path / "enterprises.csv"
    file.write_text("name\nAcme Inc.\nBirch Ltd\n")
    workos_sandbox.fault("status", status=429, retry_after=9)

    run("provision_enterprise", "--csv", str(file), "--per-minute", "60")

    assert 9 in slept
    assert [one for one in slept if 0.5 < one <= 1]
    assert len(workos_sandbox.organizations()) == 2


@pytest.fixture
def dashboard(workos_sandbox: Sandbox) -> Callable[..., str]:
    """An organization that was made in the WorkOS Dashboard."""

    def make(name: str = "Acme at WorkOS", external_id: str | None = None) -> str:
        made = gateway.get_client().organizations.create_organization(name=name, external_id=external_id)
        return str(made.id)

    return make


def test_an_organization_of_the_dashboard_is_linked_knowingly(
    workos_sandbox: Sandbox, dashboard: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    organization_id = dashboard()
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return "n" if len(asked) == 1 else "y"

    monkeypatch.setattr("builtins.input", answer)
    arguments = ("link_enterprise", "acme-inc", "--organization-id", organization_id)

    assert "Nothing was done" in str(refused(*arguments))
    assert not Enterprise.objects.exists()
    run(*arguments)

    assert "Acme at WorkOS" in asked[0]
    enterprise = Enterprise.objects.get()
    assert (enterprise.organization_id, enterprise.environment) == (organization_id, "test")
    assert workos_sandbox.organizations()[0]["external_id"] == str(enterprise.external_id)
    assert history.of(enterprise).get().deed == "linked"
    # And again, without harm.
    assert run_json(*arguments, "--yes")["organization_id"] == organization_id


def test_what_cannot_be_linked_is_refused_with_the_reason(
    workos_sandbox: Sandbox, dashboard: Callable[..., str], birch: Enterprise
) -> None:
    somebodys = dashboard(external_id="somebody")

    def why(slug: str, organization_id: str) -> str:
        return str(refused("link_enterprise", slug, "--organization-id", organization_id, "--yes"))

    assert "does not know this organization" in why("acme-inc", "org_01NONE")
    assert "is linked to Birch Ltd" in why("acme-inc", str(birch.organization_id))
    assert "has an organization" in why("birch-ltd", dashboard(name="Another"))
    assert "external id somebody" in why("acme-inc", somebodys)
    assert not Enterprise.objects.filter(slug="acme-inc").exists()


def test_deprovisioning_wants_the_slug_again(workos_sandbox: Sandbox) -> None:
    run("provision_enterprise", "Acme Inc.")
    assert run_json("deprovision_enterprise", "acme-inc", "--dry-run")["state"] == "ready"
    assert refused("deprovision_enterprise", "acme-inc", "--confirm", "other").returncode == 1
    assert refused("deprovision_enterprise", "nobody").returncode == 1

    report = run_json("deprovision_enterprise", "acme-inc", "--confirm", "acme-inc")
    errands.run_due(now=timezone.now())

    assert report["state"] == "deprovisioned"
    assert not workos_sandbox.organizations()


def test_lists_and_shows(acme: Enterprise, birch: Enterprise, ada: User) -> None:
    Enterprise.objects.filter(pk=birch.pk).update(organization_id=None, attention="A reason.")
    Errand.objects.record(Errand.Kind.PROVISION, enterprise=birch)
    Errand.objects.update(error="Why not.", attempts=3)

    assert [one["slug"] for one in run_json("list_enterprises")] == ["acme-inc", "birch-ltd"]
    assert [one["slug"] for one in run_json("list_enterprises", "--state", "needs_attention")] == [
        "birch-ltd"
    ]
    assert "ada@acme.example · it_admin" in run("show_enterprise", "acme-inc")
    shown = run_json("show_enterprise", "birch-ltd")
    assert shown["errands"][0]["error"] == "Why not."
    assert "Mend what is named" in shown["next_step"]
    assert refused("show_enterprise", "nobody").returncode == 1


def test_the_database_and_the_row_agree_on_every_state(acme: Enterprise) -> None:
    at = timezone.now()
    changes: list[dict[str, Any]] = [
        {},
        {"organization_id": None},
        {"provisioning_since": at},
        {"attention": "A reason."},
        {"organization_id": "org_1"},
        {"organization_deleted_at": at},
        {"deprovisioned_at": at},
    ]
    for change in changes:
        Enterprise.objects.filter(pk=acme.pk).update(**change)
        acme.refresh_from_db()
        holding = [state for state in Enterprise.Provisioning if Enterprise.objects.in_state(state).exists()]
        assert holding == [acme.provisioning]


def test_an_it_admin_is_invited(acme: Enterprise, ada: User) -> None:
    assert run_json("invite_it_admin", "acme-inc", "eve@acme.example", "--dry-run")["dry_run"]
    assert not Invitation.objects.exists()

    run("invite_it_admin", "acme-inc", "Eve@acme.example")

    assert Invitation.objects.get().role == "it_admin"
    assert "belongs to" in str(refused("invite_it_admin", "acme-inc", "ada@acme.example"))
    assert refused("invite_it_admin", "acme-inc", "no address").returncode == 1
