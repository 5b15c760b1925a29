"""Try each file of deploy/ as far as this machine can, without a container engine or a running systemd.

    python -m deploy.try_files
    python -m deploy.try_files --image      # also the steps of the Dockerfile, which download packages

Prints a line for each file: tried, with what, or why not. Exits with 1 if one is wrong.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.rehearsal.processes import ROOT
from deploy.rehearsal.proxy import Addresses, build_proxy, find_missing

DEPLOY = ROOT / "deploy"
_PORTS = Addresses(webs=[18000, 18001], receiver=18100, proxy=18443, plain=18080)


class Wrong(Exception):
    """What is wrong with a file."""


class NotTried(Exception):
    """Why a file cannot be tried here."""


def try_nginx(folder: Path) -> str:
    _run([*_find_proxy("nginx", folder), "-t"])
    return "nginx -t"


def try_caddy(folder: Path) -> str:
    command = ["validate" if part == "run" else part for part in _find_proxy("caddy", folder)]
    _run(command)
    return "caddy validate"


def try_units(folder: Path) -> str:
    """With this machine's Python, and a user that it has: neither is installed as the units say."""
    _need("systemd-analyze")
    replaced = {
        "/opt/portal-host/.venv/bin/python": sys.executable,
        "/opt/portal-host": "/",
        "User=portal-host": "User=daemon",
        "/usr/bin/curl": shutil.which("curl") or "/bin/true",
    }
    units = []
    for unit in sorted((DEPLOY / "systemd").iterdir()):
        text = unit.read_text()
        for old, new in replaced.items():
            text = text.replace(old, new)
        units.append(folder / unit.name)
        units[-1].write_text(text)
    printed = _run(["systemd-analyze", "verify", *map(str, units)])
    if complaints := [line for line in printed.splitlines() if str(folder) in line]:
        raise Wrong("\n".join(complaints))
    return f"systemd-analyze verify, {len(units)} units"


def try_compose(folder: Path) -> str:
    """Read it, and compare what its parts name with what there is."""
    import yaml

    compose: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = compose["services"]
    for name, service in services.items():
        secrets = set(service.get("secrets", []))
        variables = (service.get("environment") or {}).values()
        files = {
            str(value).rpartition("/")[2] for value in variables if str(value).startswith("/run/secrets/")
        }
        if files != secrets or not secrets <= set(compose["secrets"]):
            raise Wrong(f"the secrets of {name} are not the files that its variables name")
        if unknown := set(service.get("depends_on", {})) - set(services):
            raise Wrong(f"{name} depends on {', '.join(unknown)}, which is no service")
    # Twice, because it must leave what there is.
    script = folder / "create_secrets.sh"
    shutil.copy(DEPLOY / script.name, script)
    _run([str(script)])
    before = {path.name: path.read_text() for path in (folder / "secrets").iterdir()}
    _run([str(script)])
    if {path.name: path.read_text() for path in (folder / "secrets").iterdir()} != before:
        raise Wrong("create_secrets.sh replaces secrets")
    if set(before) != set(compose["secrets"]):
        raise Wrong("create_secrets.sh does not create exactly the secrets of compose.yaml")
    return "read, and create_secrets.sh run twice; not tried: docker compose"


def try_procfile(folder: Path) -> str:
    """Ask each of its commands for help."""
    for line in (DEPLOY / "Procfile").read_text().splitlines():
        if line and not line.startswith("#"):
            _, _, command = line.partition(": python ")
            _run([sys.executable, *command.split()[:2], "--help"])
    return "--help of each command"


def try_image_files(folder: Path) -> str:
    """Start the application from a folder with the files that .dockerignore lets in."""
    _copy_image_files(folder)
    environment = {"PATH": os.environ["PATH"], **_read_build_settings()}
    _run([sys.executable, "manage.py", "check"], cwd=folder, environment=environment)
    return "manage.py check, with the files that it lets in"


def try_image(folder: Path) -> str:
    """The Dockerfile's steps, in a folder with the files that .dockerignore lets in."""
    dockerfile = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    steps = re.findall(r"^RUN (.*)$", dockerfile, re.MULTILINE)
    application, packages = folder / "app", folder / "venv"
    _copy_image_files(application)
    shutil.copy(ROOT / "requirements/base.txt", folder / "requirements.txt")
    # pip refuses to install anywhere but in the new environment.
    environment = {
        "PATH": f"{packages}/bin:{os.environ['PATH']}",
        "HOME": str(folder),
        "PIP_REQUIRE_VIRTUALENV": "1",
    }
    for step in steps:
        # The Dockerfile's folders, in this order: ours may be below the second.
        command = step.replace("/tmp/", f"{folder}/").replace("/opt/venv", str(packages))  # noqa: S108
        _run(["sh", "-ec", command], cwd=application, environment=environment)
    if not list((application / "staticfiles").rglob("*.css.gz")):
        raise Wrong("no static files were collected")
    _run(
        ["python", "manage.py", "check"],
        cwd=application,
        environment={**environment, **_read_build_settings()},
    )
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return f"its {len(steps)} steps run here, {size / 1e6:.0f} MB; not tried: docker build"


FILES: dict[str, Callable[[Path], str]] = {
    "nginx.conf": try_nginx,
    "Caddyfile": try_caddy,
    "systemd/": try_units,
    "compose.yaml": try_compose,
    "Procfile": try_procfile,
    ".dockerignore": try_image_files,
}


def _copy_image_files(target: Path) -> None:
    """Copy the files that .dockerignore lets into the image."""
    for name in re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE):
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy)


def _read_build_settings() -> dict[str, str]:
    text = (DEPLOY / "build.env").read_text()
    settings = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))
    return {**settings, "SECRET_KEY": os.urandom(40).hex(), "ENV_FILE": ""}


def _find_proxy(kind: str, folder: Path) -> list[str]:
    if missing := find_missing(kind):
        raise NotTried(missing)
    return build_proxy(kind, folder, _PORTS).command


def _need(program: str) -> None:
    if not shutil.which(program):
        raise NotTried(f"{program} is not installed")


def _run(command: list[str], *, cwd: Path = ROOT, environment: dict[str, str] | None = None) -> str:
    """What the command prints. Raises Wrong if it fails."""
    result = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode:
        raise Wrong(f"{command[0]} exited with {result.returncode}:\n{result.stdout.strip()}")
    return result.stdout


def try_file(name: str, attempt: Callable[[Path], str]) -> bool:
    """Print what came of it. Returns False if the file is wrong."""
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        try:
            print(f"✓ {name:<14} {attempt(Path(folder))}", flush=True)
        except NotTried as reason:
            print(f"- {name:<14} not tried: {reason}", flush=True)
        except Wrong as error:
            print(f"✗ {name:<14} {error}", flush=True)
            return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image", action="store_true", help="run the Dockerfile's steps, too")
    options = parser.parse_args()
    files = {**FILES, **({"Dockerfile": try_image} if options.image else {})}
    results = [try_file(name, attempt) for name, attempt in files.items()]
    if not options.image:
        print("- Dockerfile     not tried: --image runs its steps")
    print("Nothing here was started by systemd or a container engine: try that on a machine that has them.")
    if not all(results):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
