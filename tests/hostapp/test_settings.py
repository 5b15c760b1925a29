"""Settings come from the environment; production does not start half configured."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PRODUCTION = {
    "SECRET_KEY": "a-long-and-random-one-" + "x" * 50 + "0123456789",
    "SITE_URL": "https://app.acme.example",
    "DATABASE_URL": "postgres://user:password@db.acme.example/app",
    "WORKOS_API_KEY": "sk_live_x",
    "WORKOS_WEBHOOK_SECRET": "whsec_x",
}


def run(code: str, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *(arguments or ("-W", "error", "-c", code))],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "ENV_FILE": "",
            "DJANGO_SETTINGS_MODULE": "hostapp.settings",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


def settings(environment: dict[str, str], *names: str) -> list[str]:
    code = f"from django.conf import settings as s\nfor n in {names!r}: print(getattr(s, n))"
    answer = run(code, environment)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()


def complaint(environment: dict[str, str]) -> str:
    answer = run("from django.conf import settings; settings.DEBUG", environment)
    assert answer.returncode != 0
    return answer.stderr.strip().splitlines()[-1]


def test_nothing_set_is_production_and_names_all_that_is_missing() -> None:
    said = complaint({})

    for name in PRODUCTION:
        assert f"{name} is not set" in said


@pytest.mark.parametrize("name", PRODUCTION)
def test_production_does_not_start_without_each(name: str) -> None:
    assert f"{name} is not set" in complaint({**PRODUCTION, name: " "})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKOS_BASE_URL", "http://api.workos.com"),
        ("WORKOS_BASE_URL", "http://localhost:4100"),
        ("WORKOS_BASE_URL", "https://localhost:4100"),
        ("WORKOS_BASE_URL", "https://api.workos.com.evil.example"),
        ("SITE_URL", "http://app.acme.example"),
        ("SITE_URL", "app.acme.example"),
        ("SITE_URL", "https://app.acme.example/path"),
        ("WORKOS_WEBHOOK_TOLERANCE", "0"),
    ],
)
def test_production_does_not_start_with_what_is_unsafe(name: str, value: str) -> None:
    said = complaint({**PRODUCTION, name: value})

    assert name in said
    assert "whsec_x" not in said


def test_hosts_and_origins_follow_from_the_site_s_address() -> None:
    assert settings(PRODUCTION, "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "SESSION_COOKIE_SECURE") == [
        "['app.acme.example']",
        "['https://app.acme.example']",
        "True",
    ]


def test_several_webhook_secrets_are_told_apart_by_commas() -> None:
    environment = {**PRODUCTION, "WORKOS_WEBHOOK_SECRET": "whsec_new, whsec_old,,"}

    assert settings(environment, "WORKOS_WEBHOOK_SECRETS") == ["['whsec_new', 'whsec_old']"]


def test_webhook_secrets_have_names_or_a_fingerprint_that_tells_nothing() -> None:
    environment = {**PRODUCTION, "WORKOS_WEBHOOK_SECRET": "current:whsec_new,old:whsec_old,whsec_plain"}

    secrets, names = settings(environment, "WORKOS_WEBHOOK_SECRETS", "WORKOS_WEBHOOK_SECRET_NAMES")

    assert secrets == "['whsec_new', 'whsec_old', 'whsec_plain']"
    assert re.fullmatch(r"\['current', 'old', 'secret-[0-9a-f]{6}'\]", names)


def test_the_sources_of_webhooks_are_addresses_and_networks() -> None:
    environment = {**PRODUCTION, "WORKOS_WEBHOOK_SOURCES": "203.0.113.7, 2001:db8::/32"}

    assert "IPv6Network('2001:db8::/32')" in settings(environment, "WORKOS_WEBHOOK_SOURCES")[0]
    assert settings(PRODUCTION, "WORKOS_WEBHOOK_SOURCES") == ["[]"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKOS_WEBHOOK_SECRET", "a:whsec_1,a:whsec_2"),
        ("WORKOS_WEBHOOK_SOURCES", "203.0.113.7,workos.example"),
        ("WORKOS_WEBHOOK_TOKEN", "with/slash"),
        ("WEBHOOK_EVENTS_KEPT_DAYS", "3"),
    ],
)
def test_webhook_settings_that_make_no_sense_are_named(name: str, value: str) -> None:
    said = complaint({**PRODUCTION, name: value})

    assert name in said
    assert "whsec" not in said


def test_a_secret_is_taken_as_it_stands_also_with_a_dollar_in_front() -> None:
    assert settings({**PRODUCTION, "WORKOS_API_KEY": "$HOME"}, "WORKOS_API_KEY") == ["$HOME"]


def test_production_sends_browsers_to_workos_only_and_development_also_to_the_sandbox() -> None:
    (production,) = settings(PRODUCTION, "WORKOS_LINK_ORIGINS")
    (development,) = settings(
        {"DEBUG": "on", "SECRET_KEY": "x", "WORKOS_BASE_URL": "http://localhost:4100"}, "WORKOS_LINK_ORIGINS"
    )

    assert production == "['https://setup.workos.com', 'https://id.workos.com']"
    assert "http://localhost:4100" in development


def test_production_passes_django_s_own_deployment_check() -> None:
    answer = run("", PRODUCTION, "manage.py", "check", "--deploy", "--fail-level", "WARNING")

    # Whether subdomains are for https only is not ours to say.
    assert set(re.findall(r"security\.W\d+", answer.stdout + answer.stderr)) <= {
        "security.W005",
        "security.W021",
    }


@pytest.mark.parametrize(
    "command",
    ["provision_enterprise", "invite_it_admin", "inspect_webhooks", "replay_events", "demo", "worker"],
)
def test_help_needs_no_settings_and_gives_an_example(command: str) -> None:
    answer = run("", {}, "manage.py", command, "--help")

    assert answer.returncode == 0, answer.stderr
    assert f"manage.py {command}" in answer.stdout


def test_the_demo_ignores_whatever_the_shell_says() -> None:
    answer = run(
        "from django.conf import settings as s; print(s.WORKOS_BASE_URL, s.WORKOS_API_KEY, s.DATABASES)",
        {**PRODUCTION, "DJANGO_SETTINGS_MODULE": "hostapp.demo_settings", "DEMO_SANDBOX_PORT": "4999"},
    )

    assert answer.stdout.startswith("http://localhost:4999 sk_test_demo ")
    assert "db.acme.example" not in answer.stdout


def test_env_example_names_every_setting_and_no_other_each_with_a_comment() -> None:
    tree = ast.parse((ROOT / "hostapp/settings.py").read_text())
    read = {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and (
            (
                isinstance(call.func, ast.Attribute)
                and isinstance(call.func.value, ast.Name)
                and call.func.value.id == "env"
                and call.func.attr != "read_env"
            )
            or (isinstance(call.func, ast.Name) and call.func.id == "_secret")
        )
        and isinstance(call.args[0], ast.Constant)
    }
    example = (ROOT / ".env.example").read_text()

    assert len(read) > 15
    assert {str(name) for name in read} == set(re.findall(r"^(?:# )?([A-Z_]+)=", example, re.MULTILINE))
    for paragraph in example.strip().split("\n\n"):
        assert paragraph.startswith("# "), paragraph
