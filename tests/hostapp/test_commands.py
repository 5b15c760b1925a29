"""Every command of this project: its help, its options, and its place in the documentation."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from outbox.management.base import EXIT_CODES, Command

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"hostapp", "portal", "webhooks", "enterprises", "mirror", "outbox", "audit"}
COMMANDS = {name: str(app) for name, app in get_commands().items() if str(app) in PACKAGES}
# They run until they are stopped, and report and ask nothing.
PROCESSES = {"demo", "serve", "worker"}
# Django's own command and options: --plan shows what would be done.
OF_DJANGO = {"migrate"}
# It records what WorkOS lists, and changes nothing that is there.
ADDS_ONLY = {"catch_up"}
READ_ONLY = {"doctor", "explain", "inspect_webhooks", "list_enterprises", "show_enterprise"}
# The link is a secret that goes onto a terminal only.
WITHOUT_JSON = {"portal_link"}
DOCUMENTATION = (ROOT / "docs" / "commands.md").read_text()


def help_of(name: str) -> str:
    return str(load_command_class(COMMANDS[name], name).create_parser("manage.py", name).format_help())


def options_of(name: str) -> set[str]:
    parser = load_command_class(COMMANDS[name], name).create_parser("manage.py", name)
    return {option for action in parser._actions for option in action.option_strings}


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - OF_DJANGO))
def test_help_shows_an_example_and_the_exit_codes(name: str) -> None:
    text = help_of(name)

    assert f"\n  manage.py {name}" in text
    assert EXIT_CODES in text
    assert isinstance(load_command_class(COMMANDS[name], name), Command)


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - OF_DJANGO - PROCESSES))
def test_command_reports_as_json_and_tries_changes_first(name: str) -> None:
    options = options_of(name)

    assert ("--json" in options) is (name not in WITHOUT_JSON)
    # A command that compares shows differences unless it is told to apply them.
    tries_first = bool({"--dry-run", "--check"} & options)
    assert tries_first is (name not in READ_ONLY | ADDS_ONLY)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_only_one_option_says_yes(name: str) -> None:
    others = {"--no-input", "--confirm", "--force", "--noinput", "--assume-yes", "-y"}

    assert name in OF_DJANGO or not others & options_of(name)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_command_is_documented_with_an_example(name: str) -> None:
    section = DOCUMENTATION.partition(f"\n## {name}\n")[2].partition("\n## ")[0]

    assert f"manage.py {name}" in section
    # The options that the examples use exist.
    for used in re.findall(rf"manage\.py {name}\b[^\n`]*", section):
        assert set(re.findall(r"(?<!\S)--[a-z-]+", used)) <= options_of(name), used


def test_documentation_names_no_command_that_does_not_exist() -> None:
    assert set(re.findall(r"^## ([a-z_]+)$", DOCUMENTATION, re.MULTILINE)) == set(COMMANDS)
