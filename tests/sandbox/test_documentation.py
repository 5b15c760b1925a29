"""docs/sandbox.md is complete."""

import re
from pathlib import Path

import pytest
from workos import WorkOSClient

from sandbox import supported
from sandbox.__main__ import parse_arguments
from sandbox.app_keys import api_routes, control_routes
from sandbox.faults import DELIVERY_FAULTS, RESPONSE_FAULTS
from sandbox.supported import SUPPORTED
from sandbox.switches import DESCRIPTIONS, Switches

DOCUMENTATION = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()


def test_documentation_has_every_switch_with_its_default() -> None:
    documented = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", DOCUMENTATION, re.MULTILINE))
    paired = re.findall(r"^\| `(\w+)` · `(\w+)` \| (\S+) · (\S+) \|", DOCUMENTATION, re.MULTILINE)
    for first, second, one, other in paired:
        documented |= {first: one, second: other}

    switches = Switches().to_json()
    shown = {
        name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in switches.items()
    }
    shown |= {name: str(value).lower() for name, value in switches.items() if isinstance(value, bool)}
    shown["retry_delays"] = str([int(value) for value in Switches().retry_delays])
    assert {name: documented.get(name) for name in shown} == shown
    assert set(DESCRIPTIONS) == set(switches)


@pytest.mark.parametrize("kind", [*DELIVERY_FAULTS, *RESPONSE_FAULTS])
def test_documentation_has_every_fault(kind: str) -> None:
    assert f"`{kind}`" in DOCUMENTATION


def test_documentation_has_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--help"])
    flags = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}

    assert {flag for flag in flags if f"`{flag}" not in DOCUMENTATION} == set()


def test_documentation_has_every_call_of_the_control_api() -> None:
    paths = {route.path for route in control_routes}  # type: ignore[attr-defined]
    words = {part for path in paths for part in path.split("/")[2:] if not part.startswith("{")}

    assert {word for word in words if not re.search(rf"\b{word}\b", DOCUMENTATION)} == set()


def test_table_of_supported_endpoints_is_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "sandbox.md"
    copy.write_text(DOCUMENTATION.replace("| `GET /events` |", "| `GET /outdated` |"))
    monkeypatch.setattr("sys.argv", ["supported", str(copy)])

    supported.main()

    assert copy.read_text() == DOCUMENTATION, "Run: python -m sandbox.supported docs/sandbox.md"


def test_supported_endpoints_are_the_routes() -> None:
    documented = [(item.method, item.path) for item in SUPPORTED]

    assert sorted(documented) == sorted((route.method, route.path) for route in api_routes)  # type: ignore[attr-defined]


def test_supported_calls_are_in_the_installed_sdk(workos: WorkOSClient) -> None:
    for item in SUPPORTED:
        if item.call is not None:
            resource, _, name = item.call.partition(".")
            assert callable(getattr(getattr(workos, resource), name)), item.call


def test_file_without_the_marks_of_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a line"):
        supported.write_table("# A page without a table")
