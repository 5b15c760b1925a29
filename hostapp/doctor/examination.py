"""All checks, in the order of docs/going-live.md."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from django.db import DatabaseError, InterfaceError

from hostapp.doctor import by_hand, customers, deployment, online, processing
from hostapp.doctor.findings import Finding, failed, has_failed

Check = Callable[[], Iterator[Finding]]


def examine(now: datetime, *, is_offline: bool) -> Iterator[tuple[str, list[Finding]]]:
    """The findings of each group, as soon as they are known. Without a database the rest is left out."""
    yield "Settings", _run([deployment.check_settings, deployment.check_secrets])
    database = _run([deployment.check_database])
    yield "Database", database
    if has_failed(one for one in database if one.check in ("database", "database.migrations")):
        return
    at = [
        lambda: deployment.check_database_clock(now),
        deployment.check_environment,
        lambda: deployment.check_proxies(now),
    ]
    yield "Deployment", _run(at)
    yield "Mail", _run([deployment.check_mail])
    yield (
        "Webhooks and worker",
        _run(
            [
                lambda: processing.check_workers(now),
                lambda: processing.check_events(now),
                lambda: processing.check_tasks(now),
                processing.check_catch_up,
            ]
        ),
    )
    yield "Customers", _run([lambda: customers.check_customers(now)])
    if not is_offline:
        yield "WorkOS", _run([online.check_api, lambda: online.check_delivery(now)])
    yield "By hand", _run([by_hand.check_by_hand])


def _run(checks: Sequence[Check]) -> list[Finding]:
    findings: list[Finding] = []
    for check in checks:
        try:
            findings += check()
        except (DatabaseError, InterfaceError) as error:
            findings.append(
                failed(
                    "database",
                    f"The database failed during a check ({type(error).__name__}).",
                    "Run `manage.py doctor` again; read the database's log if it stays.",
                )
            )
    return findings
