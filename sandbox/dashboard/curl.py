"""Requests as curl commands, to paste into a shell."""

import shlex

from sandbox.request_log import LoggedRequest


def build_api_curl(logged: LoggedRequest, public_url: str) -> str:
    """The API key is left to the shell's variable. Masked secrets stay masked."""
    parts = ["curl", "-X", logged.method, shlex.quote(public_url + logged.target)]
    parts += ["-H", '"Authorization: Bearer $WORKOS_API_KEY"']
    for name, value in logged.headers.items():
        if name != "User-Agent":
            parts += ["-H", shlex.quote(f"{name}: {value}")]
    if logged.body:
        parts += ["--data-raw", shlex.quote(logged.body)]
    return " ".join(parts)


def build_delivery_curl(url: str, headers: dict[str, str], body: str) -> str:
    """The delivery with its signature, which a receiver refuses when it has become too old."""
    parts = ["curl", "-X", "POST", shlex.quote(url)]
    for name, value in headers.items():
        parts += ["-H", shlex.quote(f"{name}: {value}")]
    return " ".join([*parts, "--data-raw", shlex.quote(body)])
