"""Offline: settings, database, mail and what was seen of the proxy."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg
from django.conf import settings
from django.core import checks
from django.db import DatabaseError, InterfaceError, connection

import gateway
from audit.client_ip import is_in_networks
from enterprises.mail import try_mail_server
from enterprises.models import Enterprise
from hostapp.asgi import get_connection_parameters
from hostapp.doctor.findings import Finding, failed, not_checked, ok
from hostapp.health import count_missing_migrations
from hostapp.models import Session
from outbox.management.base import count_of

_OLDEST_POSTGRES = 150_000
_CLOCK_TOLERANCE = timedelta(seconds=5)
_MAIL_SECONDS = 5
# So many people with one address are behind a proxy, not in one office.
_MIN_PEOPLE = 5


def check_settings() -> Iterator[Finding]:
    """Django's and our system checks. Missing and malformed settings stop every command before this one."""
    messages = checks.run_checks(include_deployment_checks=not settings.DEBUG)
    problems = [one for one in messages if one.level >= checks.WARNING and not one.is_silenced()]
    for problem in problems:
        yield failed("settings", f"{problem.msg} ({problem.id})", problem.hint or "See .env.example.")
    if not problems:
        yield ok(
            "settings", "Set, and safe for production." if not settings.DEBUG else "Set, for development."
        )


def check_secrets() -> Iterator[Finding]:
    # Production does not start without them, nor with malformed ones.
    if not settings.WORKOS_WEBHOOK_SECRETS:
        yield failed(
            "settings.webhook_secret",
            "WORKOS_WEBHOOK_SECRET is not set: every delivery is answered 503.",
            "Register the endpoint with `manage.py register_webhook`, and set the secret that it prints.",
        )
    if not settings.WORKOS_API_KEY:
        yield failed(
            "settings.api_key",
            "WORKOS_API_KEY is not set: nobody can open the Admin Portal.",
            "Copy the key from the WorkOS Dashboard (API Keys).",
        )


def check_environment() -> Iterator[Finding]:
    """Ids of one WorkOS environment are unknown in the other."""
    ours = gateway.get_environment()
    others = Enterprise.objects.exclude(environment__in=["", ours]).filter(deprovisioned_at=None)
    count = others.count()
    if count:
        example = others.order_by("slug").values_list("slug", flat=True)[0]
        yield failed(
            "settings.environment",
            f"WORKOS_API_KEY belongs to the {ours} environment of WorkOS, but {count_of(count, 'customer')} "
            f"(such as {example}) to the other one.",
            "Set the key of the environment that these customers were created in, or use another database.",
        )
    else:
        yield ok("settings.environment", f"The key and all customers belong to the {ours} environment.")


def check_database() -> Iterator[Finding]:
    """Reachable, its version, its encoding, the tables, and the pooler in front of it."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version'), current_setting('server_version_num')::int,"
                " current_setting('server_encoding')"
            )
            version, number, encoding = cursor.fetchone()
    except (DatabaseError, InterfaceError) as error:
        yield failed(
            "database",
            f"The database does not answer ({type(error).__name__}).",
            "Check DATABASE_URL, and that the server is running and lets this host in.",
        )
        return
    if number < _OLDEST_POSTGRES:
        yield failed("database.version", f"PostgreSQL {version} is too old.", "Upgrade it to 15 or newer.")
    else:
        yield ok("database.version", f"PostgreSQL {version}.")
    if encoding != "UTF8":
        yield failed(
            "database.encoding",
            f"The database's encoding is {encoding}: names in other scripts cannot be stored.",
            "Create it anew with ENCODING 'UTF8', and restore a dump into it.",
        )
    if missing := count_missing_migrations():
        yield failed(
            "database.migrations",
            f"Migrations that are not applied: {missing}.",
            "Run `manage.py migrate`, then restart the workers.",
        )
    else:
        yield ok("database.migrations", "All migrations are applied.")
    yield _describe_pooler()


def _describe_pooler() -> Finding:
    """A pooler in transaction mode gives a connection that is idle to the next transaction of another."""
    parameters = {**get_connection_parameters(), "prepare_threshold": None}
    try:
        with (
            psycopg.connect(**parameters, autocommit=True) as first,
            psycopg.connect(**parameters, autocommit=True) as second,
        ):
            before = _read_server_process(first)
            with second.transaction():
                _read_server_process(second)
                after = _read_server_process(first)
    except psycopg.Error as error:
        return not_checked(
            "database.pooler", f"Two connections could not be opened ({type(error).__name__})."
        )
    if before == after:
        return ok("database.pooler", "Connections are direct, or those of a pooler in session mode.")
    return ok("database.pooler", "A pooler in transaction mode stands in front of the database.")


def _read_server_process(connection: "psycopg.Connection[tuple[int]]") -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return row[0] if row else 0


def check_database_clock(now: datetime) -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (theirs,) = cursor.fetchone()
    if abs(theirs - now) > _CLOCK_TOLERANCE:
        seconds = (now - theirs).total_seconds()
        yield failed(
            "clock",
            f"This host's clock is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} the "
            "database's.",
            "Switch on NTP on both hosts (`timedatectl set-ntp true`).",
        )


def check_mail() -> Iterator[Finding]:
    """Whether the mail server lets us in. Sends nothing."""
    if not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        # In production the settings' checks say so.
        yield not_checked("mail", "Mail does not go to a mail server.", "Set EMAIL_URL.")
        return
    server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    if problem := try_mail_server(seconds=_MAIL_SECONDS):
        yield failed(
            "mail",
            f"The mail server {server} cannot be used ({problem}).",
            "Check EMAIL_URL, and that this host may connect to it. Mail waits in the outbox until then.",
        )
    else:
        yield ok("mail", f"The mail server {server} lets us in.")


def check_proxies(now: datetime) -> Iterator[Finding]:
    """Whether people have addresses of their own, in the sessions of the last week."""
    recent = Session.objects.filter(last_used_at__gt=now - timedelta(days=7)).exclude(client_ip=None)
    addresses = [one for one in recent.values_list("client_ip", flat=True).distinct()[:2] if one]
    proxies = [one for one in settings.TRUSTED_PROXIES if not isinstance(one, str)]
    people = recent.count()
    if people < _MIN_PEOPLE:
        yield not_checked(
            "proxies", f"Too few sign-ins in the last seven days to judge TRUSTED_PROXIES: {people}."
        )
    elif len(addresses) == 1 or all(is_in_networks(one, proxies) for one in addresses):
        yield failed(
            "proxies",
            f"All {people} sign-ins of the last seven days came from {' and '.join(addresses)}. That is "
            "probably a proxy: one visitor's wrong passwords would lock everyone out.",
            "Add it to TRUSTED_PROXIES, and let it set X-Forwarded-For.",
        )
    else:
        yield ok("proxies", "Visitors have addresses of their own.")
