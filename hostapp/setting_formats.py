"""The formats of settings: each function turns a text into a value, or raises NotValid.

The message of NotValid follows the name of the variable, and never contains the value.
"""

import re
import warnings
from dataclasses import dataclass
from email.utils import parseaddr
from hashlib import sha256
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import SplitResult, urlsplit

import environ
import idna
from django.core.exceptions import ValidationError

from audit.client_ip import UNIX_SOCKET, Network, Proxy, is_too_wide
from audit.client_ip import parse_network as parse_ip_network

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NOT_A_HOST = "must contain the name of one host, such as app.acme.example"
_ENCODE_HINT = (
    "percent-encode special characters in the user name and the password (/ is %2F, @ is %40, # is %23)"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SMTP_PORTS = {"smtp": 25, "smtps": 587, "smtp+tls": 587, "smtp+ssl": 465}
# As Django's deployment check asks.
_MIN_KEY_LENGTH, _MIN_KEY_LETTERS = 50, 5
_MIN_WEBHOOK_SECRET_LENGTH = 16


class NotValid(ValueError):
    """The text does not have the format of the setting."""


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port as browsers send them: lower case, an international domain as xn--…."""

    scheme: str
    host: str
    port: int | None

    def __str__(self) -> str:
        """Such as `https://app.acme.example`: without the scheme's own port."""
        return f"{self.scheme}://{self.netloc}"

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


def parse_host(text: str) -> str:
    """A host name or an IP address in the form that browsers send."""
    bare = text[1:-1] if text[:1] == "[" and text[-1:] == "]" else text
    # The zone of a link-local address means something on one machine only.
    if "%" not in bare and (address := _parse_address(bare)):
        return address
    try:
        host = idna.encode(text, uts46=True).decode("ascii").lower().rstrip(".")
    except (idna.IDNAError, UnicodeError):
        raise NotValid(_NOT_A_HOST) from None
    labels = host.split(".")
    if not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit() or len(host) > 253:
        raise NotValid(_NOT_A_HOST)
    return host


def _parse_address(text: str) -> str | None:
    try:
        return ip_address(text).compressed
    except ValueError:
        return None


def parse_host_and_port(text: str) -> str:
    """Such as `setup.workos.com`, or with a port."""
    if "//" in text:
        raise NotValid(_NOT_A_HOST)
    return parse_origin(f"https://{text}").netloc


def parse_origin(text: str) -> Origin:
    parts = _split_url(text)
    if parts.path not in ("", "/") or parts.query or parts.fragment or text[-1:] in "?#":
        raise NotValid("must be scheme and host only, such as https://app.acme.example")
    return _build_origin(parts)


def parse_base_url(text: str) -> str:
    """A URL that paths are added to, such as `https://api.workos.com`."""
    parts = _split_url(text)
    if parts.query or parts.fragment or text[-1:] in "?#":
        raise NotValid("must be scheme and host, such as https://api.workos.com")
    return f"{_build_origin(parts)}{parts.path.rstrip('/')}"


def parse_base_origin(base_url: str) -> Origin:
    """The origin of what `parse_base_url` returned."""
    return _build_origin(_split_url(base_url))


def _split_url(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        # Reading the port checks it.
        _ = parts.port
    except ValueError:
        raise NotValid("is not a URL, such as https://app.acme.example") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise NotValid("must be scheme and host, such as https://app.acme.example")
    if "@" in parts.netloc:
        raise NotValid("must not contain a user name or a password")
    return parts


def _build_origin(parts: SplitResult) -> Origin:
    # With its case and brackets: `hostname` has neither.
    host = parts.netloc.rpartition(":")[0] if parts.port is not None else parts.netloc.rstrip(":")
    port = None if parts.port == _DEFAULT_PORTS[parts.scheme] else parts.port
    if port == 0:
        raise NotValid("must not contain port 0")
    return Origin(parts.scheme, parse_host(host), port)


def parse_database_url(text: str) -> dict[str, Any]:
    """Django's settings of a PostgreSQL database, from `postgres://user:password@host:5432/name`."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in ("postgres", "postgresql", "psql", "pgsql"):
        raise NotValid("must be postgres://user:password@host:5432/name")
    try:
        parts = urlsplit(text)
        # Several hosts have several ports, which urlsplit cannot read.
        is_cluster = "," in parts.netloc.rpartition("@")[2]
        _ = None if is_cluster else parts.port
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            config = dict(environ.Env.db_url_config(text, engine="django.db.backends.postgresql"))
    # Whatever it cannot read, its message may quote.
    except Exception:
        raise NotValid(f"cannot be read: {_ENCODE_HINT}") from None
    if parts.fragment or "#" in rest or "@" in parts.path or "@" in parts.query:
        raise NotValid(f"cannot be read: {_ENCODE_HINT}")
    if not config.get("NAME") or config["NAME"].endswith("/"):
        raise NotValid(
            "must end with the name of the database, such as postgres://user:password@host:5432/name"
        )
    return config


def parse_email_url(text: str) -> dict[str, Any]:
    """Django's settings of mail, from `smtp+tls://user:password@host:587` or `consolemail://`."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in environ.Env.EMAIL_SCHEMES:
        raise NotValid("must be smtp://, smtp+tls:// or smtp+ssl:// with user:password@host:port")
    try:
        parts = urlsplit(text)
        port = parts.port
        config = dict(environ.Env.email_url_config(text))
    # Whatever it cannot read, its message may quote.
    except Exception:
        raise NotValid(f"cannot be read: {_ENCODE_HINT}") from None
    if parts.scheme in _SMTP_PORTS:
        if "#" in rest or parts.path not in ("", "/") or "@" in parts.query or port == 0:
            raise NotValid(f"cannot be read: {_ENCODE_HINT}")
        if not parts.hostname:
            raise NotValid("must contain the mail server's host")
        config["EMAIL_PORT"] = port or _SMTP_PORTS[parts.scheme]
    elif parts.scheme == "filemail" and not config["EMAIL_FILE_PATH"]:
        raise NotValid("must contain a folder, such as filemail:///var/mail/outgoing")
    return config


def parse_email(text: str) -> str:
    """`support@acme.example`."""
    # The receiver reads its settings here, too, and loads no Django app.
    from django.core.validators import validate_email  # noqa: PLC0415

    try:
        validate_email(text)
    except ValidationError:
        raise NotValid("must be an e-mail address") from None
    return text


def parse_sender(text: str) -> str:
    """`no-reply@acme.example` or `Acme <no-reply@acme.example>`."""
    _, address = parseaddr(text)
    # parseaddr ignores what it does not understand.
    if text != address and not text.endswith(f"<{address}>"):
        raise NotValid("must be an e-mail address, or a name and an address in < >")
    parse_email(address)
    return text


def parse_link(text: str) -> str:
    """The URL of a page that a person may open, such as `https://status.acme.example/`."""
    _split_url(text)
    return text


def parse_product_name(text: str) -> str:
    """One line, which stands in titles and subjects of mails."""
    if not text.isprintable() or len(text) > 60:
        raise NotValid("must be one line of at most 60 printable characters")
    return text


def parse_svg_file(text: str) -> str:
    """A static file such as `hostapp/logo.svg`."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+(?:[./][A-Za-z0-9_-]+)*\.svg", text):
        raise NotValid("must name a static SVG file, such as hostapp/logo.svg")
    return text


def parse_color(text: str) -> str:
    """A colour such as `#2b50c8`."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise NotValid("must be a colour such as #2b50c8")
    return text.lower()


def parse_secret_key(text: str) -> str:
    if (
        len(text) < _MIN_KEY_LENGTH
        or len(set(text)) < _MIN_KEY_LETTERS
        or text.startswith("django-insecure-")
    ):
        raise NotValid(
            f"must be {_MIN_KEY_LENGTH} random characters or more, as `openssl rand -base64 48` prints"
        )
    return text


def parse_api_key(text: str) -> str:
    if not re.fullmatch(r"sk_[\x21-\x7e]+", text):
        raise NotValid("must be a key from the WorkOS Dashboard (sk_live_… or sk_test_…)")
    return text


def parse_client_id(text: str) -> str:
    if not re.fullmatch(r"(client|project)_[A-Za-z0-9_]+", text):
        raise NotValid("must be a client id from the WorkOS Dashboard (client_…)")
    return text


def parse_token(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", text):
        raise NotValid("may contain up to 200 letters, digits, - and _ only")
    return text


def parse_metrics_token(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.~+/=-]{16,200}", text):
        raise NotValid("must be 16 to 200 letters, digits or . ~ + / = _ -, as `openssl rand -hex 24` prints")
    return text


def parse_sentry_dsn(text: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9]+@[A-Za-z0-9.:\[\]-]+(/[\w-]+)*/[0-9]+", text, re.ASCII):
        raise NotValid("must be a DSN, such as https://key@errors.acme.example/1")
    return text


def parse_absolute_path(text: str) -> str:
    if not (PurePosixPath(text).is_absolute() and PurePosixPath(text).name):
        raise NotValid("must be an absolute path, such as /run/portal-host/metrics")
    return text


def parse_dotted_path(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", text, re.ASCII):
        raise NotValid("must be the dotted path of a function, such as myproject.hooks.welcome")
    return text


@dataclass(frozen=True)
class WebhookSecret:
    """A signing secret and the name that it is logged by."""

    name: str
    value: str


def parse_webhook_secret(text: str) -> WebhookSecret:
    """`whsec_…`, or `name:whsec_…`. Without a name it goes by a fingerprint, which does not reveal it."""
    named = re.fullmatch(r"([a-z][a-z0-9-]{0,30}):\s*(.*)", text)
    value = named[2] if named else text
    if not value:
        raise NotValid("names a secret without giving it")
    if not re.fullmatch(r"[\x21-\x7e]+", value) or value[0] in "\"'`" or value[-1] in "\"'`":
        raise NotValid(
            "must be the secret as the WorkOS Dashboard shows it, without blanks and quotation marks"
        )
    return WebhookSecret(named[1] if named else f"secret-{sha256(text.encode()).hexdigest()[:6]}", value)


def parse_strong_webhook_secret(text: str) -> WebhookSecret:
    secret = parse_webhook_secret(text)
    if len(secret.value) < _MIN_WEBHOOK_SECRET_LENGTH:
        raise NotValid(f"must contain secrets of {_MIN_WEBHOOK_SECRET_LENGTH} characters or more")
    return secret


def parse_network(text: str) -> Network:
    try:
        return parse_ip_network(text)
    except ValueError:
        raise NotValid("must hold addresses and networks, such as 203.0.113.7 or 10.0.0.0/8") from None


def parse_proxy(text: str) -> Proxy:
    """A network of our own proxies, or `unix` for one that connects through a unix socket."""
    if text.lower() == UNIX_SOCKET:
        return UNIX_SOCKET
    network = parse_network(text)
    if is_too_wide(network):
        raise NotValid(
            "must name your own proxies only: every client in these networks could claim any address"
        )
    return network
