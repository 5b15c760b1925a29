"""Staff commands: their output, their effects and their exit codes."""

import json
from collections.abc import Callable
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command, load_command_class
from django.utils import timezone

import gateway
from audit.log import audit_entries_for
from enterprises.models import Enterprise, Invitation, Membership, ProvisioningState
from enterprises.tasks import TaskKind
from hostapp.models import User
from mirror.models import Organization
from outbox import queue
from outbox.models import Task
from outbox.runner import run_due_tasks
from sandbox.client import Sandbox
from tests.factories import (
    create_certificate,
    create_connection,
    create_directory,
    create_domain,
    create_organization,
)

pytestmark = pytest.mark.django_db

COMMANDS = [
    "provision_enterprise",
    "link_enterprise",
    "deprovision_enterprise",
    "list_enterprises",
    "show_enterprise",
    "invite_it_admin",
]


def run_command(name: str, *arguments: str) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def run_command_as_json(name: str, *arguments: str) -> Any:
    return json.loads(run_command(name, *arguments, "--json"))


def command_error(name: str, *arguments: str) -> CommandError:
    with pytest.raises(CommandError) as raised:
        run_command(name, *arguments)
    return raised.value


@pytest.mark.parametrize("name", COMMANDS)
def test_command_help_shows_an_example_and_the_json_option(name: str) -> None:
    text = load_command_class("enterprises", name).create_parser("manage.py", name).format_help()

    assert f"\n  manage.py {name}" in text
    assert "--json" in text
    assert ("--dry-run" in text) is (not name.startswith(("list", "show")))


def test_provision_command_requires_either_a_name_or_an_existing_file() -> None:
    assert command_error("provision_enterprise").returncode == 2
    assert command_error("provision_enterprise", "Acme", "--csv", "x.csv").returncode == 2
    assert command_error("provision_enterprise", "--csv", "no-such-file.csv").returncode == 2


def test_provision_command_reports_json_and_a_dry_run_writes_nothing(workos_sandbox: Sandbox) -> None:
    dry = run_command_as_json("provision_enterprise", "Acme Inc.", "--domain", "acme.example", "--dry-run")
    assert (dry["slug"], dry["domains"]) == ("acme-inc", ["acme.example"])
    assert not Enterprise.objects.exists()

    report = run_command_as_json("provision_enterprise", "Acme Inc.")

    assert report["state"] == "ready"
    assert report["organization_id"] == workos_sandbox.organizations()[0]["id"]


@pytest.mark.parametrize("arguments", [("--domain", "gmail.com"), ("--it-admin", "ada@")])
def test_provision_command_exits_with_2_for_an_invalid_value(arguments: tuple[str, str]) -> None:
    assert command_error("provision_enterprise", "Acme", *arguments).returncode == 2
    assert not Enterprise.objects.exists()


def test_second_customer_of_the_same_name_is_asked_about(
    workos_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_command("provision_enterprise", "Acme Inc.")
    second = ("provision_enterprise", "ACME Inc.", "--slug", "acme-2")
    monkeypatch.setattr("builtins.input", lambda: "")

    assert "Nothing was done" in str(command_error(*second))
    assert run_command_as_json(*second, "--dry-run")["namesake"] == "acme-inc"
    assert Enterprise.objects.count() == 1
    run_command(*second, "--yes")
    assert Enterprise.objects.count() == 2
    # Repeating either is no question.
    run_command(*second)
    run_command("provision_enterprise", "Acme Inc.")


def test_csv_row_with_the_name_of_another_customer_needs_yes(workos_sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "enterprises.csv"
    file.write_text("name,slug\nAcme Inc.,\nAcme Inc.,acme-2\n")
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("provision_enterprise", "--csv", str(file), stdout=out, stderr=StringIO())

    assert "line 3: Acme Inc.: Acme Inc. is already enrolled as acme-inc" in out.getvalue()
    run_command("provision_enterprise", "--csv", str(file), "--yes")
    assert Enterprise.objects.count() == 2


CSV = """name,slug,domains,it_admin
Acme Inc.,,acme.example other.example,ada@acme.example
Birch Ltd,birch,,
Bad Mail,,gmail.com,
Acme Inc.,,,
,,,
"""


def test_csv_provisioning_reports_each_failed_line_with_its_reason(
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
    assert "2 of 5 provisioned, 3 failed." in out.getvalue()
    assert "line 4: Bad Mail: gmail.com is a public mail provider" in out.getvalue()
    assert "line 5: Acme Inc.: “acme-inc” is already in line 2" in out.getvalue()
    assert "5/5, 3 failed" in err.getvalue()
    assert sorted(one["name"] for one in workos_sandbox.organizations()) == ["Acme Inc.", "Birch Ltd"]
    assert Membership.objects.get().role == "it_admin"

    # Run it again with the failed lines removed.
    file.write_text(CSV.split("Bad Mail", maxsplit=1)[0])
    assert "2 of 2 provisioned, 0 failed." in run_command("provision_enterprise", "--csv", str(file))
    assert len(workos_sandbox.organizations()) == 2


def test_csv_dry_run_checks_the_lines_and_writes_nothing(workos_sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "enterprises.csv"
    file.write_text("name\nAcme Inc.\n")

    assert "1 of 1 could be provisioned" in run_command(
        "provision_enterprise", "--csv", str(file), "--dry-run"
    )
    assert not Enterprise.objects.exists()


def test_csv_with_unknown_columns_is_rejected(tmp_path: Path) -> None:
    file = tmp_path / "enterprises.csv"
    file.write_text("company\nAcme Inc.\n")

    assert command_error("provision_enterprise", "--csv", str(file)).returncode == 2


@pytest.mark.parametrize(
    ("text", "names"),
    [
        # Line ends of text that are none in CSV.
        ("name\nAcme\u2028Inc\n", ["Acme Inc"]),
        ("name\nAcme\x0bInc\nBirch\x85Ltd\nCedar\x1cCo", ["Acme Inc", "Birch Ltd", "Cedar Co"]),
        ('name,slug\n"Acme\nInc",acme\n', ["Acme Inc"]),
        ('name,slug\r\n"Acme\r\nInc",acme\r\nBirch,birch\r\n', ["Acme Inc", "Birch"]),
        ("name\rAcme\rBirch\r", ["Acme", "Birch"]),
        ('name\n"Acme, ""The"" Company"\n', ['Acme, "The" Company']),
        ("\ufeffname\nAcme\n\n\nBirch\n", ["Acme", "Birch"]),
        ('name\n"Acme" Inc\n', None),
        ('name\n"Acme\n', None),
        ("name,name\nAcme,Birch\n", None),
        (f"name\n{'x' * 200_000}\n", None),
        ("", None),
    ],
)  # fmt: skip
def test_csv_is_read_as_csv(text: str, names: list[str] | None, tmp_path: Path) -> None:
    file = tmp_path / "enterprises.csv"
    file.write_text(text, encoding="utf-8", newline="")
    arguments = ("provision_enterprise", "--csv", str(file), "--dry-run")

    if names is None:
        assert command_error(*arguments).returncode == 2
    else:
        assert [row["name"] for row in run_command_as_json(*arguments)] == names


def test_csv_from_standard_input_may_begin_with_a_byte_order_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO("\ufeffname\nBücher\n".encode())))

    (row,) = run_command_as_json("provision_enterprise", "--csv", "-", "--dry-run")

    assert row["name"] == "Bücher"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"{'x' * 151},acme,,", "more than 150 characters"),
        (f"Acme,{'x' * 61},,", "more than 60 characters"),
        (
            f"Acme,acme,,{'x' * 60}@{'y' * 60}.{'z' * 60}.{'y' * 60}.{'z' * 60}.example",
            "more than 254 characters",
        ),
        ("Acme,acme,[acme.example],", "not a domain name"),
        ("Acme,acme,co.uk,", "public suffix"),
        ('"\n",acme,,', "no name"),
        ("Acme,acme,,ada@", "valid email"),
    ],
)
def test_csv_row_that_the_database_cannot_hold_is_an_error_in_words(
    row: str, reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "enterprises.csv"
    file.write_text(f"name,slug,domains,it_admin\n{row}\nBirch,,,\n")
    out = StringIO()

    with pytest.raises(CommandError):
        call_command("provision_enterprise", "--csv", str(file), "--dry-run", stdout=out, stderr=StringIO())

    assert reason in out.getvalue()
    assert "1 of 2 could be provisioned, 1 failed." in out.getvalue()


def test_csv_provisioning_waits_for_retry_after_and_the_rate_limit(
    workos_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeps: list[float] = []
    monkeypatch.setattr("enterprises.bulk_provisioning.time.sleep", sleeps.append)
    file = tmp_path / "enterprises.csv"
    file.write_text("name\nAcme Inc.\nBirch Ltd\n")
    workos_sandbox.fault("status", status=429, retry_after=9)

    run_command("provision_enterprise", "--csv", str(file), "--per-minute", "60")

    assert 9 in sleeps
    assert [one for one in sleeps if 0.5 < one <= 1]
    assert len(workos_sandbox.organizations()) == 2


@pytest.fixture
def dashboard(workos_sandbox: Sandbox) -> Callable[..., str]:
    """Create an Organization as the WorkOS Dashboard does, and return its id."""

    def make(name: str = "Acme at WorkOS", external_id: str | None = None) -> str:
        organization = gateway.get_client().organizations.create_organization(
            name=name, external_id=external_id
        )
        return str(organization.id)

    return make


def test_link_command_links_a_dashboard_organization_after_confirmation(
    workos_sandbox: Sandbox, dashboard: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    organization_id = dashboard()
    answers = iter(["n", "y"])
    monkeypatch.setattr("builtins.input", lambda: next(answers))
    arguments = ("link_enterprise", "acme-inc", "--organization-id", organization_id)

    assert "Nothing was done" in str(command_error(*arguments))
    assert not Enterprise.objects.exists()
    questions = StringIO()
    call_command(*arguments, stdout=StringIO(), stderr=questions)

    assert "Acme at WorkOS" in questions.getvalue()
    enterprise = Enterprise.objects.get()
    assert (enterprise.organization_id, enterprise.environment) == (organization_id, "test")
    assert workos_sandbox.organizations()[0]["external_id"] == str(enterprise.external_id)
    assert audit_entries_for(enterprise).get().action == "linked"
    # Running the command again is harmless.
    assert run_command_as_json(*arguments, "--yes")["organization_id"] == organization_id


def test_link_command_refuses_an_unsuitable_organization_with_the_reason(
    workos_sandbox: Sandbox, dashboard: Callable[..., str], birch: Enterprise
) -> None:
    linked_elsewhere = dashboard(external_id="somebody")

    def refusal_reason(slug: str, organization_id: str) -> str:
        return str(command_error("link_enterprise", slug, "--organization-id", organization_id, "--yes"))

    assert "does not know this organization" in refusal_reason("acme-inc", "org_01NONE")
    assert "is linked to Birch Ltd" in refusal_reason("acme-inc", str(birch.organization_id))
    assert "has an organization" in refusal_reason("birch-ltd", dashboard(name="Another"))
    assert "external id somebody" in refusal_reason("acme-inc", linked_elsewhere)
    assert not Enterprise.objects.filter(slug="acme-inc").exists()


def test_deprovision_command_requires_the_slug_as_confirmation(
    workos_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_command("provision_enterprise", "Acme Inc.")
    assert run_command_as_json("deprovision_enterprise", "acme-inc", "--dry-run")["state"] == "ready"
    monkeypatch.setattr("builtins.input", lambda: "other")
    assert command_error("deprovision_enterprise", "acme-inc").returncode == 1
    assert Enterprise.objects.get().deprovisioned_at is None
    assert command_error("deprovision_enterprise", "nobody").returncode == 1

    report = run_command_as_json("deprovision_enterprise", "acme-inc", "--yes")
    run_due_tasks(now=timezone.now())

    assert report["state"] == "deprovisioned"
    assert not workos_sandbox.organizations()


def test_list_and_show_commands_report_state_and_next_step(
    acme: Enterprise, birch: Enterprise, ada: User
) -> None:
    Enterprise.objects.filter(pk=birch.pk).update(organization=None, attention="A reason.")
    queue.enqueue(TaskKind.PROVISION, birch.external_id)
    Task.objects.update(error="Why not.", attempts=3)

    assert [one["slug"] for one in run_command_as_json("list_enterprises")] == ["acme-inc", "birch-ltd"]
    assert [one["slug"] for one in run_command_as_json("list_enterprises", "--state", "needs_attention")] == [
        "birch-ltd"
    ]
    assert run_command("list_enterprises", "--state", "removed") == "No enterprise is in this state.\n"
    assert "ada@acme.example · it_admin" in run_command("show_enterprise", "acme-inc")
    shown = run_command_as_json("show_enterprise", "birch-ltd")
    assert shown["outbox_tasks"][0]["error"] == "Why not."
    assert "Fix the cause" in shown["next_step"]
    assert command_error("show_enterprise", "nobody").returncode == 1


def test_show_command_reports_ids_and_states_as_json(acme: Enterprise, ada: User) -> None:
    connection = create_connection(acme, name="Okta")
    create_directory(acme, state="invalid_credentials")
    create_domain(acme, state="pending")
    create_certificate(acme)
    run_command("invite_it_admin", "acme-inc", "eve@acme.example")
    queue.enqueue(TaskKind.PUSH_NAME, acme.external_id)

    shown = run_command_as_json("show_enterprise", "acme-inc")

    assert [(one["kind"], one["id"], one["state"]) for one in shown["mirrored"]] == [
        ("connection", "conn_1", "active"),
        ("directory", "directory_1", "invalid_credentials"),
        ("organization_domain", "org_domain_1", "pending"),
        ("certificate", "conn_1", "renewal_required"),
    ]
    assert shown["mirrored"][0]["name"] == "Okta"
    assert shown["mirrored"][0]["state_since"].startswith(f"{connection.state_since:%Y-%m-%d}")
    assert [(one["user_id"], one["role"]) for one in shown["people"]] == [(ada.pk, "it_admin")]
    assert [(one["id"], one["role"]) for one in shown["invited"]] == [
        (Invitation.objects.get().pk, "it_admin")
    ]
    assert {one["id"]: one["kind"] for one in shown["outbox_tasks"]} == dict(
        Task.objects.values_list("pk", "kind")
    )
    assert [one["action"] for one in shown["audit_log"]] == ["invited"]
    assert "  connection · conn_1 · Okta · active · " in run_command("show_enterprise", "acme-inc")
    (listed,) = run_command_as_json("list_enterprises")
    assert (listed["external_id"], listed["state"]) == (str(acme.external_id), "ready")
    assert listed == {key: shown[key] for key in listed}


def test_queryset_and_model_agree_on_every_provisioning_state(acme: Enterprise) -> None:
    at = timezone.now()
    row = Enterprise.objects.filter(pk=acme.pk)
    changes: list[Callable[[], object]] = [
        lambda: row.update(organization=None),
        lambda: row.update(provisioning_since=at),
        lambda: row.update(attention="A reason."),
        lambda: row.update(organization=create_organization("org_1")),
        lambda: Organization.objects.update(deleted_at=at),
        lambda: row.update(deprovisioned_at=at),
    ]
    states = []
    for change in [lambda: None, *changes]:
        change()
        enterprise = row.get()
        matching = [state for state in ProvisioningState if Enterprise.objects.in_state(state).exists()]
        assert matching == [enterprise.provisioning]
        states += matching
    assert set(states) == set(ProvisioningState)


def test_invite_command_invites_an_it_admin_who_is_not_yet_a_member(acme: Enterprise, ada: User) -> None:
    assert run_command_as_json("invite_it_admin", "acme-inc", "eve@acme.example", "--dry-run")["dry_run"]
    assert not Invitation.objects.exists()

    run_command("invite_it_admin", "acme-inc", "Eve@acme.example")

    assert Invitation.objects.get().role == "it_admin"
    assert "already a member" in str(command_error("invite_it_admin", "acme-inc", "ada@acme.example"))
    assert command_error("invite_it_admin", "acme-inc", "no address").returncode == 2
