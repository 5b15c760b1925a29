"""Look up known vulnerabilities of the pinned packages: `make audit`.

Exit code 0: none is known. 1: some are. 2: packages could not be checked, which is an error in CI only.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_REQUIREMENTS = ROOT / "requirements" / "dev.txt"


def run_audit(program: str) -> dict[str, Any] | str:
    """The report of pip-audit, or why there is none."""
    command = [program, "--requirement", str(_REQUIREMENTS), "--require-hashes", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off"]
    result = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    try:
        report: dict[str, Any] = json.loads(result.stdout)
    except ValueError:
        return result.stderr.strip().rpartition("\n")[2] or f"pip-audit ended with {result.returncode}"
    return report


def main(program: str) -> int:
    report = run_audit(program)
    if isinstance(report, str):
        return _say_not_checked(f"no package ({report})")
    packages = report["dependencies"]
    vulnerable = [one for one in packages if one.get("vulns")]
    for one in vulnerable:
        for known in one["vulns"]:
            fixed = ", ".join(known["fix_versions"]) or "no version yet"
            sys.stdout.write(f"{one['name']} {one['version']}: {known['id']}, fixed in {fixed}\n")
    # pip-audit calls a package that it could not look up a success.
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    checked = len(packages) - len(skipped)
    status = _say_not_checked(f"{len(skipped)} of {len(packages)} packages") if skipped else 0
    sys.stdout.write(f"Packages checked: {checked}. With known vulnerabilities: {len(vulnerable)}.\n")
    return 1 if vulnerable else status


def _say_not_checked(what: str) -> int:
    sys.stdout.write(
        f"NOT CHECKED for known vulnerabilities: {what}. Try again with an internet connection.\n"
    )
    return 2 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
