"""docs/sandbox.md is complete."""

import re
from pathlib import Path

import pytest

from sandbox.__main__ import parse_arguments
from sandbox.app_keys import control_routes
from sandbox.faults import DELIVERY_FAULTS, RESPONSE_FAULTS
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
