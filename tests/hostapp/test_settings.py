"""Settings come from the environment, and production refuses to start with missing or unsafe values."""

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
    result = run(code, environment)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def startup_error(environment: dict[str, str]) -> str:
    result = run("from django.conf import settings; settings.DEBUG", environment)
    assert result.returncode != 0
    return result.stderr.strip().splitlines()[-1]


def test_empty_environment_means_production_and_every_missing_setting_is_named() -> None:
    message = startup_error({})

    for name in PRODUCTION:
        assert f"{name} is not set" in message


@pytest.mark.parametrize("name", PRODUCTION)
def test_production_refuses_to_start_without_a_required_setting(name: str) -> None:
    assert f"{name} is not set" in startup_error({**PRODUCTION, name: " "})


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
        ("EMAIL_TIMEOUT", "0"),
        # A task's lease is five minutes.
        ("EMAIL_TIMEOUT", "300"),
        ("INVITATION_LIMIT_PERSON", "0"),
        ("INVITATION_LIMIT_ENTERPRISE", "-1"),
    ],
)
def test_production_refuses_to_start_with_an_unsafe_value(name: str, value: str) -> None:
    message = startup_error({**PRODUCTION, name: value})

    assert name in message
    assert "whsec_x" not in message


def test_allowed_hosts_and_csrf_origins_are_derived_from_site_url() -> None:
    assert settings(PRODUCTION, "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "SESSION_COOKIE_SECURE") == [
        "['app.acme.example']",
        "['https://app.acme.example']",
        "True",
    ]


def test_webhook_secrets_are_split_at_commas() -> None:
    environment = {**PRODUCTION, "WORKOS_WEBHOOK_SECRET": "whsec_new, whsec_old,,"}

    assert settings(environment, "WORKOS_WEBHOOK_SECRETS") == ["['whsec_new', 'whsec_old']"]


def test_unnamed_webhook_secret_is_named_by_a_fingerprint() -> None:
    environment = {**PRODUCTION, "WORKOS_WEBHOOK_SECRET": "current:whsec_new,old:whsec_old,whsec_plain"}

    secrets, names = settings(environment, "WORKOS_WEBHOOK_SECRETS", "WORKOS_WEBHOOK_SECRET_NAMES")

    assert secrets == "['whsec_new', 'whsec_old', 'whsec_plain']"
    assert re.fullmatch(r"\['current', 'old', 'secret-[0-9a-f]{6}'\]", names)


def test_webhook_sources_accept_ip_addresses_and_networks() -> None:
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
def test_invalid_webhook_setting_is_named_in_the_error(name: str, value: str) -> None:
    message = startup_error({**PRODUCTION, name: value})

    assert name in message
    assert "whsec" not in message


def test_secret_that_starts_with_a_dollar_sign_is_not_expanded() -> None:
    assert settings({**PRODUCTION, "WORKOS_API_KEY": "$HOME"}, "WORKOS_API_KEY") == ["$HOME"]


def test_sandbox_is_a_link_origin_in_development_but_not_in_production() -> None:
    (production,) = settings(PRODUCTION, "WORKOS_LINK_ORIGINS")
    (development,) = settings(
        {"DEBUG": "on", "SECRET_KEY": "x", "WORKOS_BASE_URL": "http://localhost:4100"}, "WORKOS_LINK_ORIGINS"
    )

    assert production == "['https://setup.workos.com', 'https://id.workos.com']"
    assert "http://localhost:4100" in development


def test_production_settings_pass_django_s_deployment_check() -> None:
    result = run("", PRODUCTION, "manage.py", "check", "--deploy", "--fail-level", "WARNING")

    # HSTS for subdomains, and preloading it, are for the operator to decide.
    assert set(re.findall(r"security\.W\d+", result.stdout + result.stderr)) <= {
        "security.W005",
        "security.W021",
    }


@pytest.mark.parametrize(
    "command",
    ["provision_enterprise", "invite_it_admin", "inspect_webhooks", "replay_events", "demo", "worker"],
)
def test_command_help_runs_without_settings_and_shows_an_example(command: str) -> None:
    result = run("", {}, "manage.py", command, "--help")

    assert result.returncode == 0, result.stderr
    assert f"manage.py {command}" in result.stdout


def test_demo_settings_ignore_production_variables() -> None:
    result = run(
        "from django.conf import settings as s; print(s.WORKOS_BASE_URL, s.WORKOS_API_KEY, s.DATABASES)",
        {**PRODUCTION, "DJANGO_SETTINGS_MODULE": "hostapp.demo_settings", "DEMO_SANDBOX_PORT": "4999"},
    )

    assert result.stdout.startswith("http://localhost:4999 sk_test_demo ")
    assert "db.acme.example" not in result.stdout


def test_env_example_documents_exactly_the_settings_that_are_read() -> None:
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
