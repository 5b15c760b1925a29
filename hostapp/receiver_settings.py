"""Settings that the receiver needs when it runs alone, without Django: a part of `settings.py`."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from audit.client_ip import Network, Proxy
from hostapp import setting_formats as formats
from hostapp.environment import EnvironmentVariables
from webhooks.receive.config import ReceiverConfig

# Seconds after which a database that does not answer counts as away.
CONNECT_TIMEOUT = 5


@dataclass(frozen=True)
class ServerSettings:
    processes: int
    # In which a whole request must arrive.
    request_seconds: int
    log_level: str


@dataclass(frozen=True)
class MetricsConfig:
    """With neither a token nor sources there is no page; without a directory, no figures of processes."""

    token: str
    sources: Sequence[Network]
    directory: str
    trusted_proxies: Sequence[Proxy]


def read_receiver_config(env: EnvironmentVariables, *, debug: bool) -> ReceiverConfig:
    # One secret, or several while one is being replaced: a delivery may be signed with any of them.
    secrets = env.items(
        "WORKOS_WEBHOOK_SECRET",
        formats.parse_webhook_secret if debug else formats.parse_strong_webhook_secret,
        required=not debug,
    )
    by_name = {secret.name: secret.value for secret in secrets}
    if not len(secrets) == len(by_name) == len(set(by_name.values())):
        env.problems.append("WORKOS_WEBHOOK_SECRET has two secrets with the same name, or one secret twice")
    return ReceiverConfig(
        secrets=by_name,
        tolerance=timedelta(seconds=env.integer("WORKOS_WEBHOOK_TOLERANCE", default=180, least=1, most=3600)),
        # The last part of the webhook path, or empty. The signature is verified in any case.
        token=env.parsed("WORKOS_WEBHOOK_TOKEN", formats.parse_token, default=""),
        # Networks that may post webhooks. Empty allows all.
        sources=env.items("WORKOS_WEBHOOK_SOURCES", formats.parse_network),
        trusted_proxies=env.items("TRUSTED_PROXIES", formats.parse_proxy),
        refusals_interval=env.number("WORKOS_WEBHOOK_REFUSALS_INTERVAL", default=10, least=0, most=3600),
    )


def read_server_settings(env: EnvironmentVariables) -> ServerSettings:
    return ServerSettings(
        processes=env.integer("WEB_CONCURRENCY", default=2, least=1, most=256),
        request_seconds=env.integer("WEB_PATIENCE", default=15, least=1, most=600),
        log_level=env.choice("LOG_LEVEL", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], default="INFO"),
    )


def read_sentry_dsn(env: EnvironmentVariables) -> str:
    dsn = env.parsed("SENTRY_DSN", formats.parse_sentry_dsn, default="")
    if dsn and not _is_installed("sentry_sdk"):
        env.problems.append(
            "SENTRY_DSN needs the extra `sentry`: run pip install -r requirements/sentry.txt, or unset it"
        )
    return dsn


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # it was made unavailable
        return False


def read_log_format(env: EnvironmentVariables, *, debug: bool) -> str:
    return env.choice("LOG_FORMAT", ["JSON", "TEXT"], default="TEXT" if debug else "JSON")


def read_metrics_config(env: EnvironmentVariables, trusted_proxies: Sequence[Proxy]) -> MetricsConfig:
    """Call it before a module that declares metrics is imported: prometheus-client decides at its import."""
    directory = env.parsed("METRICS_DIR", formats.parse_absolute_path, default="")
    if directory:
        try:
            Path(directory).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            env.problems.append(f"METRICS_DIR cannot be created: {error.strerror}")
        if Path(directory).is_dir() and not os.access(directory, os.W_OK | os.X_OK):
            env.problems.append("METRICS_DIR cannot be written to by this user")
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
    return MetricsConfig(
        token=env.parsed("METRICS_TOKEN", formats.parse_metrics_token, default=""),
        sources=env.items("METRICS_SOURCES", formats.parse_network),
        directory=directory,
        trusted_proxies=trusted_proxies,
    )


def read_connection_parameters(env: EnvironmentVariables) -> dict[str, Any]:
    """psycopg's arguments, from DATABASE_URL."""
    database: dict[str, Any] = env.parsed(
        "DATABASE_URL", formats.parse_database_url, default={}, required=True
    )
    return build_connection_parameters(database)


def build_connection_parameters(database: Mapping[str, Any]) -> dict[str, Any]:
    """psycopg's arguments, from Django's settings of a database."""
    parameters = {
        "dbname": database.get("NAME"),
        "user": database.get("USER"),
        "password": database.get("PASSWORD"),
        "host": database.get("HOST"),
        "port": database.get("PORT"),
    }
    return {
        "connect_timeout": CONNECT_TIMEOUT,
        **{name: value for name, value in parameters.items() if value},
        **database.get("OPTIONS", {}),
    }
