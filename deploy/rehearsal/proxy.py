"""deploy/nginx.conf or deploy/Caddyfile, with the rehearsal's ports and a certificate made for it."""

import re
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.rehearsal.processes import ROOT

_NEEDED = {"nginx": "nginx", "caddy": "caddy"}


@dataclass(frozen=True)
class Addresses:
    webs: list[int]
    receiver: int
    proxy: int
    # Of the redirect to https.
    plain: int


@dataclass(frozen=True)
class Proxy:
    command: list[str]
    context: ssl.SSLContext


def find_missing(kind: str) -> str:
    """What this proxy lacks on this machine. A blank if nothing."""
    for program in (_NEEDED[kind], "openssl"):
        if not shutil.which(program):
            return f"{program} is not installed"
    return ""


def build_proxy(kind: str, folder: Path, addresses: Addresses) -> Proxy:
    certificate, key = _make_certificate(folder)
    if kind == "nginx":
        command = _build_nginx(folder, addresses, certificate, key)
    else:
        command = _build_caddy(folder, addresses, certificate, key)
    return Proxy(command, ssl.create_default_context(cafile=str(certificate)))


def _make_certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "fullchain.pem", folder / "privkey.pem"
    request = "openssl req -x509 -newkey rsa:2048 -noenc -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request.split(), *names], check=True, capture_output=True)
    return certificate, key


def render_nginx(addresses: Addresses, certificate: Path, key: Path, log: Path) -> str:
    """deploy/nginx.conf with these addresses. Raises ValueError if the file lacks one that is replaced."""
    text = (ROOT / "deploy/nginx.conf").read_text()
    replaced = {
        "127.0.0.1:8000": f"127.0.0.1:{addresses.webs[0]}",
        "127.0.0.1:8001": f"127.0.0.1:{addresses.webs[1]}",
        "127.0.0.1:8100": f"127.0.0.1:{addresses.receiver}",
        "listen 80;": f"listen 127.0.0.1:{addresses.plain};",
        "listen [::]:80;": "",
        "listen 443 ssl": f"listen 127.0.0.1:{addresses.proxy} ssl",
        "listen [::]:443 ssl http2;": "",
        "app.acme.example;": "localhost;",
        "/etc/ssl/app.acme.example/fullchain.pem": str(certificate),
        "/etc/ssl/app.acme.example/privkey.pem": str(key),
        "/var/log/nginx/portal_host.log": str(log),
        # The port of the rehearsal is not the one of https.
        "proxy_set_header Host $host;": "proxy_set_header Host $http_host;",
    }
    # One pass: a port of ours may be one of the file's.
    pattern = "|".join(map(re.escape, sorted(replaced, key=len, reverse=True)))
    if missing := set(replaced) - set(re.findall(pattern, text)):
        raise ValueError(f"deploy/nginx.conf has no {', '.join(sorted(missing))}")
    return re.sub(pattern, lambda found: replaced[found[0]], text)


def _build_nginx(folder: Path, addresses: Addresses, certificate: Path, key: Path) -> list[str]:
    site, main = folder / "site.conf", folder / "nginx.conf"
    site.write_text(render_nginx(addresses, certificate, key, folder / "nginx.log"))
    temporary = "".join(
        f"{name}_temp_path {folder}/{name}; " for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main.write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log crit; worker_processes 1;\n"
        f"events {{ worker_connections 1024; }}\nhttp {{ {temporary}\ninclude {site};\n}}\n"
    )
    return ["nginx", "-e", str(folder / "nginx.log"), "-c", str(main)]


def _build_caddy(folder: Path, addresses: Addresses, certificate: Path, key: Path) -> list[str]:
    webs = " ".join(f"127.0.0.1:{port}" for port in addresses.webs)
    settings = {
        "SITE_HOST": f"https://localhost:{addresses.proxy}",
        "WEBS": webs,
        "RECEIVERS": f"127.0.0.1:{addresses.receiver} {webs}",
        "MORE": f"tls {certificate} {key}",
        "XDG_DATA_HOME": str(folder / "caddy"),
        "XDG_CONFIG_HOME": str(folder / "caddy"),
    }
    # No port of its own for administration, and none for http.
    file = folder / "Caddyfile"
    options = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n\n"
    file.write_text(options + (ROOT / "deploy/Caddyfile").read_text())
    variables = [f"{name}={value}" for name, value in settings.items()]
    return ["env", *variables, "caddy", "run", "--adapter", "caddyfile", "--config", str(file)]
