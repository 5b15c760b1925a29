"""The settings of the webhooks have defaults, and system checks name what is wrong."""

from ipaddress import ip_network
from typing import Any

import pytest
from django.core import checks
from pytest_django import Settings

from webhooks import conf

NAMES = [
    "WORKOS_WEBHOOK_SECRETS",
    "WORKOS_WEBHOOK_SECRET_NAMES",
    "WORKOS_WEBHOOK_TOLERANCE",
    "WORKOS_WEBHOOK_TOKEN",
    "WORKOS_WEBHOOK_SOURCES",
    "WORKOS_WEBHOOK_REFUSALS_INTERVAL",
    "WEBHOOK_EVENTS_KEPT_DAYS",
]


def find_problems() -> list[checks.CheckMessage]:
    return [problem for problem in checks.run_checks() if str(problem.id).startswith("webhooks.")]


def test_settings_of_the_tests_have_no_problem() -> None:
    assert find_problems() == []


def test_unset_settings_have_defaults_and_a_warning_without_a_secret(settings: Settings) -> None:
    for name in NAMES:
        delattr(settings, name)

    assert (dict(conf.secrets()), conf.token(), list(conf.sources())) == ({}, "", [])
    assert (conf.tolerance().total_seconds(), conf.refusals_interval(), conf.kept_days()) == (180, 10, 90)
    (problem,) = find_problems()
    assert (problem.id, problem.level) == ("webhooks.W001", checks.WARNING)


def test_secrets_are_found_by_name(settings: Settings) -> None:
    settings.WORKOS_WEBHOOK_SECRETS, settings.WORKOS_WEBHOOK_SECRET_NAMES = ["a", "b"], ["current", "old"]

    assert conf.secrets() == {"current": "a", "old": "b"}


@pytest.mark.parametrize(
    ("changes", "id_"),
    [
        ({"WORKOS_WEBHOOK_SECRETS": ["a"]}, "E001"),
        ({"WORKOS_WEBHOOK_SECRET_NAMES": ["same", "same"]}, "E001"),
        ({"WORKOS_WEBHOOK_SECRETS": ["a", ""]}, "E002"),
        ({"WORKOS_WEBHOOK_TOLERANCE": 0}, "E003"),
        ({"WORKOS_WEBHOOK_TOKEN": "a/b"}, "E004"),
        ({"WORKOS_WEBHOOK_SOURCES": [ip_network("203.0.113.0/24"), "203.0.113.7"]}, "E005"),
        ({"WORKOS_WEBHOOK_REFUSALS_INTERVAL": -1}, "E006"),
        ({"WEBHOOK_EVENTS_KEPT_DAYS": 30}, "E007"),
        ({"CATCH_UP_INTERVAL": -1}, "E008"),
        ({"CATCH_UP_THREADS": 0}, "E009"),
        ({"WEBHOOK_EVENTS_KEPT_DAYS": -1}, "E007"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_setting_is_an_error_with_a_hint(settings: Settings, changes: dict[str, Any], id_: str) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)

    (problem,) = find_problems()

    assert (problem.id, problem.level) == (f"webhooks.{id_}", checks.ERROR)
    assert problem.hint
