"""Settings come from the environment, and production refuses to start with missing or unsafe values."""

import ast
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.conf import settings as configured
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]

PRODUCTION = {
    "SECRET_KEY": "a-long-and-random-one-" + "x" * 50 + "0123456789",
    "SITE_URL": "https://app.acme.example",
    "DATABASE_URL": "postgres://user:password@db.acme.example/app",
    "WORKOS_API_KEY": "sk_live_x",
    "WORKOS_WEBHOOK_SECRET": "whsec_x-and-random",
    "EMAIL_URL": "smtp+tls://user:password@mail.acme.example",
}
EXAMPLE = (ROOT / ".env.example").read_text()
VARIABLES = re.findall(r"^(?:# )?([A-Z_]+)=", EXAMPLE, re.MULTILINE)


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


def load_settings(environment: dict[str, str]) -> dict[str, Any]:
    """The settings that a process with these environment variables has. Raises ImproperlyConfigured."""
    with mock.patch.dict(os.environ, {"ENV_FILE": "", **environment}, clear=True):
        loaded = runpy.run_path(str(ROOT / "hostapp/settings.py"))
    return {name: value for name, value in loaded.items() if name.isupper()}


def find_problems(environment: dict[str, str]) -> str:
    """What the settings complain of, separated by semicolons; blank if they are valid."""
    try:
        load_settings(environment)
    except ImproperlyConfigured as error:
        return (
            str(error)
            .partition(": ")[2]
            .removesuffix(". See .env.example (for development, `make .env` writes one).")
        )
    return ""


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
        ("WORKOS_WEBHOOK_TOLERANCE", "99999999999"),
        ("SITE_URL", "https://*"),
        ("SITE_URL", "https://*.acme.example"),
        ("SITE_URL", "https://ada:password@app.acme.example"),
        ("SITE_URL", "https://app.acme.example,other.example"),
        ("SITE_URL", "https://app_1.acme.example"),
        ("SITE_URL", "https://app.acme.example:99999"),
        ("SITE_URL", "https://app.acme.example:0"),
        ("SITE_URL", "https://app.acme.example?"),
        ("SITE_URL", "https://[::1"),
        ("SITE_URL", "https://℀.example"),
        ("SITE_URL", "https://app.acme.example\\@evil.example"),
        ("SECRET_KEY", "x"),
        ("SECRET_KEY", "x" * 60),
        ("SECRET_KEY", "django-insecure-" + "0123456789abcdef" * 4),
        ("WORKOS_TIMEOUT", "-1"),
        ("WORKOS_TIMEOUT", "0"),
        ("WORKOS_TIMEOUT", "nan"),
        ("WORKOS_TIMEOUT", "inf"),
        ("WORKOS_TIMEOUT", "1e3"),
        ("WORKOS_API_KEY", "sk_test_x"),
        ("WORKOS_API_KEY", "live_x"),
        ("WORKOS_WEBHOOK_SECRET", '" , "'),
        ("WORKOS_WEBHOOK_SECRET", ","),
        ("WORKOS_WEBHOOK_SECRET", "a"),
        ("WORKOS_WEBHOOK_SECRET", "name:"),
        ("WORKOS_WEBHOOK_SECRET", "whsec_x-and-random,short"),
        ("WORKOS_WEBHOOK_SECRET", "'whsec_x-and-random',whsec_another-one-1"),
        ("WORKOS_WEBHOOK_SECRET", "whsec_x-and-random,again:whsec_x-and-random"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,::/0"),
        ("TRUSTED_PROXIES", "128.0.0.0/1"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("DATABASE_URL", "postgres://user:pass/whsec@db.acme.example/app"),
        ("DATABASE_URL", "postgres://user:12/whsec@db.acme.example/app"),
        ("DATABASE_URL", "postgres://user:pass#whsec@db.acme.example/app"),
        ("DATABASE_URL", "postgres://user:1?whsec@db.acme.example/app"),
        ("DATABASE_URL", "postgres://user:[whsec@db.acme.example/app"),
        ("DATABASE_URL", "postgres://user:password@db.acme.example:99999/app"),
        ("DATABASE_URL", "postgres://user:password@db.acme.example"),
        ("DATABASE_URL", "mysql://user:password@db.acme.example/app"),
        ("EMAIL_URL", "smtp://user:pass/whsec@mail.acme.example"),
        ("EMAIL_URL", "smtp://user:12/whsec@mail.acme.example"),
        ("EMAIL_URL", "smtp://"),
        ("EMAIL_URL", "https://mail.acme.example"),
        ("BEHIND_TLS_PROXY", "on"),
        ("SECURE_HSTS_PRELOAD", "on"),
        ("WORKOS_LINK_HOSTS", "*"),
        ("WORKOS_LINK_HOSTS", "https://setup.workos.com"),
        ("WORKOS_API_HOSTS", "api.workos.com,*"),
        ("EMAIL_TIMEOUT", "0"),
        # A task's lease is five minutes.
        ("EMAIL_TIMEOUT", "300"),
        ("INVITATION_LIMIT_PERSON", "0"),
        ("INVITATION_LIMIT_ENTERPRISE", "-1"),
    ],
)
def test_production_refuses_to_start_with_an_unsafe_value(name: str, value: str) -> None:
    problems = find_problems({**PRODUCTION, name: value})

    assert name in problems
    assert "whsec" not in problems
    assert problems.count(";") == 0, "one problem, said once"


def test_proxy_without_trusted_proxies_is_refused_and_with_them_accepted() -> None:
    environment = {**PRODUCTION, "BEHIND_TLS_PROXY": "ON"}

    assert "TRUSTED_PROXIES is not set" in find_problems(environment)
    for proxies in ("10.0.0.0/8", "127.0.0.1,::1", "unix", "::ffff:10.0.0.0/104"):
        assert find_problems({**environment, "TRUSTED_PROXIES": proxies}) == ""


def test_staging_key_starts_production_only_where_the_setting_allows_it() -> None:
    environment = {**PRODUCTION, "WORKOS_API_KEY": "sk_test_x"}

    assert "WORKOS_ALLOW_TEST_KEY" in find_problems(environment)
    assert find_problems({**environment, "WORKOS_ALLOW_TEST_KEY": "on"}) == ""


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("HTTPS://App.Acme.Example/", "https://app.acme.example"),
        ("https://app.acme.example:443", "https://app.acme.example"),
        ("https://app.acme.example.", "https://app.acme.example"),
        ("https://app.acme.example:8443", "https://app.acme.example:8443"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_site_url_is_brought_to_the_form_that_browsers_send(typed: str, sent: str) -> None:
    loaded = load_settings({**PRODUCTION, "SITE_URL": typed})

    assert loaded["SITE_URL"] == sent
    assert loaded["CSRF_TRUSTED_ORIGINS"] == [sent]
    # What Django compares with the Host header.
    assert loaded["ALLOWED_HOSTS"] == [re.sub(r"^https://|:\d+$", "", sent)]


def test_all_problems_are_named_together() -> None:
    message = find_problems(
        {**PRODUCTION, "SECRET_KEY": "short", "WORKOS_TIMEOUT": "soon", "LOG_LEVEL": "loud", "EMAIL_URL": ""}
    )

    for name in ("SECRET_KEY", "WORKOS_TIMEOUT", "LOG_LEVEL", "EMAIL_URL"):
        assert message.count(f"{name} ") == 1


# Accepted whatever they are: a folder, of which every text is a name.
FREE_TEXT = {"EMBEDDED_POSTGRES"}
WRONG_TYPES = {
    "number": ["1.5.2", "1_000", "١٢", "0x10", "ten", "1 000", "9" * 400, "nan", "-5", "--1", "true"],
    "boolean": ["maybe", "2", "on off"],
    "text": ["on", "0", "[1, 2]", "{}", "null", "-", "a b", "//", "@", "a@b@c", "zq7garbage"],
}
NUMBERS = {
    "CATCH_UP_INTERVAL",
    "DATABASE_CONN_MAX_AGE",
    "EMAIL_TIMEOUT",
    "INVITATION_LIMIT_ENTERPRISE",
    "INVITATION_LIMIT_PERSON",
    "PORTAL_LIMIT_ENTERPRISE",
    "PORTAL_LIMIT_PERSON",
    "RECONCILE_INTERVAL",
    "SECURE_HSTS_SECONDS",
    "SIGN_IN_MAX_AGE",
    "WEBHOOK_EVENTS_KEPT_DAYS",
    "WORKOS_TIMEOUT",
    "WORKOS_WEBHOOK_TOLERANCE",
}
BOOLEANS = {
    "BEHIND_TLS_PROXY", "DEBUG", "SECURE_HSTS_PRELOAD", "SECURE_HSTS_SUBDOMAINS", "WEB_ACCESS_LOG",
    "WORKOS_ALLOW_TEST_KEY", "WORKOS_SYNC_IT_CONTACTS",
}  # fmt: skip
# What a name or a path may well be.
VALID_TEXTS = {
    "WORKOS_LINK_HOSTS": {"on", "null", "zq7garbage"},
    "WORKOS_API_HOSTS": {"on", "null", "zq7garbage"},
    "WORKOS_WEBHOOK_REFUSALS_INTERVAL": {"0"},
    "WORKOS_WEBHOOK_TOKEN": {"on", "0", "null", "-", "zq7garbage"},
    # Any printable text is a name.
    "PRODUCT_NAME": {*WRONG_TYPES["text"], "zq7 garbage", "%", "💥"},
}


@pytest.mark.parametrize("name", VARIABLES)
def test_empty_variable_counts_as_unset(name: str) -> None:
    unset = {key: value for key, value in PRODUCTION.items() if key != name}
    for empty in ("", " ", "\t"):
        if name in PRODUCTION:
            assert find_problems({**unset, name: empty}).startswith(f"{name} is not set")
        else:
            assert load_settings({**unset, name: empty}) == load_settings(unset)


@pytest.mark.parametrize("name", VARIABLES)
def test_value_in_quotation_marks_is_named_and_not_printed(name: str) -> None:
    value = PRODUCTION.get(name, "zq7garbage")
    for quoted in (f'"{value}"', f"'{value}'", f"“{value}”", f'"{value}', f"{value}'"):
        problems = find_problems({**PRODUCTION, name: quoted})

        assert f"{name} is in quotation marks" in problems
        assert value not in problems


@pytest.mark.parametrize("name", sorted(set(VARIABLES) - FREE_TEXT))
def test_garbage_and_wrong_types_are_named_and_not_printed(name: str) -> None:
    kind = "number" if name in NUMBERS else "boolean" if name in BOOLEANS else "text"
    values = [*WRONG_TYPES[kind], "zq7\x07garbage", "zq7\u2028garbage", "zq7 garbage", "\udc80zq7", "%", "💥"]
    for value in set(values) - VALID_TEXTS.get(name, set()):
        problems = find_problems({**PRODUCTION, name: value})

        assert re.search(rf"(^|; ){name} ", problems), value
        assert "zq7" not in problems
        assert len(value) < 5 or value not in problems


@given(
    name=st.sampled_from(VARIABLES),
    value=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    debug=st.booleans(),
)
def test_any_value_starts_or_is_named(name: str, value: str, debug: bool) -> None:
    environment = {**PRODUCTION, "DEBUG": "on" if debug else "", name: value}

    assert not (problems := find_problems(environment)) or name in problems


def test_secret_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "api_key"
    file.write_text("sk_live_from_a_file\n")
    environment = {**PRODUCTION, "WORKOS_API_KEY": "", "WORKOS_API_KEY_FILE": str(file)}

    assert settings(environment, "WORKOS_API_KEY") == ["sk_live_from_a_file"]
    # What is set directly wins.
    assert settings({**environment, "WORKOS_API_KEY": "sk_live_x"}, "WORKOS_API_KEY") == ["sk_live_x"]


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_secret_whose_file_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "api_key"
    if content is not None:
        file.write_bytes(content)

    error = startup_error({**PRODUCTION, "WORKOS_API_KEY": "", "WORKOS_API_KEY_FILE": str(file)})

    assert "WORKOS_API_KEY cannot be read from the file of WORKOS_API_KEY_FILE" in error
    assert "is not set" not in error


def test_env_file_with_mistakes_is_named_without_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "mine.env"
    file.write_text("# a comment\nWORKOS_TIMEOUT = zq7garbage\nLOG_LEVEL=debug\n")
    latin = tmp_path / "latin.env"
    latin.write_bytes("SITE_URL=https://bücher.example".encode("latin-1"))

    assert find_problems({**PRODUCTION, "ENV_FILE": str(file)}) == "line 2 of mine.env is not NAME=value"
    assert "not UTF-8" in find_problems({**PRODUCTION, "ENV_FILE": str(latin)})
    assert "does not exist" in find_problems({**PRODUCTION, "ENV_FILE": str(tmp_path / "none")})
    assert "cannot be read" in find_problems({**PRODUCTION, "ENV_FILE": str(tmp_path)})


def test_command_names_the_problems_without_a_traceback() -> None:
    result = run("", {**PRODUCTION, "WORKOS_TIMEOUT": "zq7"}, "manage.py", "check")

    assert result.returncode == 1
    assert "WORKOS_TIMEOUT must be" in result.stderr
    assert "Traceback" not in result.stderr
    assert "zq7" not in result.stderr


def test_allowed_hosts_and_csrf_origins_are_derived_from_site_url() -> None:
    assert settings(PRODUCTION, "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "SESSION_COOKIE_SECURE") == [
        "['app.acme.example']",
        "['https://app.acme.example']",
        "True",
    ]


def test_webhook_secrets_are_split_at_commas() -> None:
    environment = {**PRODUCTION, "WORKOS_WEBHOOK_SECRET": "whsec_new-and-random, whsec_old-and-random,,"}

    secrets = load_settings(environment)["WORKOS_WEBHOOK_SECRETS"]
    assert secrets == ["whsec_new-and-random", "whsec_old-and-random"]


def test_unnamed_webhook_secret_is_named_by_a_fingerprint() -> None:
    environment = {
        **PRODUCTION,
        "WORKOS_WEBHOOK_SECRET": "current:whsec_new,old:whsec_old,whsec_plain",
        "DEBUG": "on",
    }

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
        ("WEBHOOK_EVENTS_KEPT_DAYS", "30"),
    ],
)
def test_invalid_webhook_setting_is_named_in_the_error(name: str, value: str) -> None:
    message = startup_error({**PRODUCTION, name: value})

    assert name in message
    assert "whsec" not in message


def test_secret_that_starts_with_a_dollar_sign_is_not_expanded() -> None:
    environment = {**PRODUCTION, "WORKOS_WEBHOOK_SECRET": "$HOME", "SECRET_KEY": "$HOME", "DEBUG": "on"}

    assert settings(environment, "WORKOS_WEBHOOK_SECRETS", "SECRET_KEY") == ["['$HOME']", "$HOME"]


def test_sandbox_is_a_link_origin_in_development_but_not_in_production() -> None:
    (production,) = settings(PRODUCTION, "WORKOS_LINK_ORIGINS")
    (development,) = settings(
        {"DEBUG": "on", "SECRET_KEY": "x", "WORKOS_BASE_URL": "http://localhost:4100"}, "WORKOS_LINK_ORIGINS"
    )

    assert production == "['https://setup.workos.com', 'https://id.workos.com']"
    assert "http://localhost:4100" in development


@pytest.mark.slow
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
    modules = "settings.py", "receiver_settings.py"
    read = {
        str(call.args[0].value)
        for module in modules
        for call in ast.walk(ast.parse((ROOT / "hostapp" / module).read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "env"
        and call.func.attr != "is_valid"
        and isinstance(call.args[0], ast.Constant)
    }

    assert len(read) > 15
    assert read == set(VARIABLES)
    for paragraph in EXAMPLE.strip().split("\n\n"):
        assert paragraph.startswith("# "), paragraph


def test_accent_of_mails_is_the_accent_of_the_stylesheet() -> None:
    first = re.search(r"--accent: (#[0-9a-f]{6});", (ROOT / "hostapp/static/hostapp/brand.css").read_text())

    assert first
    assert first[1] == configured.PRODUCT_ACCENT


@pytest.mark.slow
def test_process_that_calls_and_serves_nothing_imports_neither_sdk_nor_server() -> None:
    code = (
        "import django, sys\ndjango.setup()\n"
        "from django.core.management import call_command\ncall_command('check', verbosity=0)\n"
        "print([name for name in sys.modules if name in ('workos', 'uvicorn')])"
    )

    assert run(code, PRODUCTION).stdout.splitlines()[-1] == "[]"
