"""The system checks of each package name the wrong setting, with an id and a hint."""

from typing import Any

import pytest
from django.core.checks import run_checks

from outbox import conf as outbox_conf


def ids_and_messages() -> dict[str, str]:
    found = run_checks()
    assert all(problem.hint for problem in found)
    return {str(problem.id): str(problem.msg) for problem in found}


def test_test_settings_pass_every_check() -> None:
    assert ids_and_messages() == {}


@pytest.mark.parametrize(
    ("check_id", "setting", "value"),
    [
        ("audit.E001", "TRUSTED_PROXIES", ["10.0.0.0/8"]),
        ("enterprises.E001", "ENTERPRISE_PROVISIONED_HOOK", "nowhere.to_be_found"),
        ("enterprises.E002", "SIGN_IN_MAX_AGE", 0),
        ("enterprises.E002", "PORTAL_LIMIT_PERSON", -1),
        ("enterprises.E003", "ENTERPRISES_BASE_TEMPLATE", "nowhere.html"),
        ("enterprises.E003", "ENTERPRISES_STAFF_HEADER_TEMPLATE", "nowhere.html"),
        ("gateway.E001", "WORKOS_TIMEOUT", -1.0),
        ("gateway.E002", "WORKOS_LINK_ORIGINS", ["setup.workos.com"]),
        ("gateway.W001", "WORKOS_API_KEY", ""),
        ("outbox.E001", "OUTBOX_TASKS", "nowhere.TASKS"),
        ("outbox.E001", "OUTBOX_STEPS", "nowhere.STEPS"),
        ("outbox.E001", "OUTBOX_PERIODIC_JOBS", "nowhere.JOBS"),
    ],
)
def test_wrong_setting_is_named_by_its_check(check_id: str, setting: str, value: Any, settings: Any) -> None:
    setattr(settings, setting, value)

    assert setting in ids_and_messages()[check_id]


def test_other_database_engine_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class OtherDatabase:
        vendor, display_name = "sqlite", "SQLite"

    monkeypatch.setattr(outbox_conf, "connection", OtherDatabase())

    assert ids_and_messages()["outbox.E002"] == (
        "The default database is SQLite; this application needs PostgreSQL."
    )
