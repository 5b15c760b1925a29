"""The view that WorkOS posts deliveries to. Each answer is chosen for what the sender does next.

`manage.py serve` puts `webhooks.receive.asgi` in front of it, which answers the same. This is the receiver of
every other server.
"""

import hmac
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

import psycopg
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    connection,
    transaction,
)
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from telemetry.context import LIMITED
from webhooks import conf
from webhooks.receive.accept import MAX_BODY_BYTES, Delivery, NotAnEvent, accept, check_source
from webhooks.receive.body import read_body
from webhooks.receive.metrics import DELIVERIES
from webhooks.receive.prepared import PreparedStatements
from webhooks.receive.reasons import Refused
from webhooks.receive.record import (
    Cursor,
    IgnoredSecretUses,
    Statement,
    build_insert,
    build_secret_uses,
    build_unreadable_inserts,
    describe_unstorable,
    is_handled,
    normalize,
)
from webhooks.receive.refusals import NotWritten, RefusalTally, build_sample, log_signed_refusal
from webhooks.wake_up import wake_workers_after_commit

logger = logging.getLogger(__name__)


@contextmanager
def open_transaction() -> Iterator[Cursor]:
    """A transaction, as the tally needs it."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            yield cursor
    except (DatabaseError, InterfaceError) as error:
        raise NotWritten(type(error).__name__) from error


def close_connection() -> None:
    connection.close()


tally = RefusalTally(conf.refusals_interval(), open_transaction, close_connection)
secret_uses = IgnoredSecretUses()


class _Prepared(threading.local):
    """This thread's connection, and the statements that are prepared on it."""

    connection: "psycopg.Connection[Any] | None" = None
    statements: PreparedStatements


_prepared = _Prepared()


@csrf_exempt
@require_POST
def receive(request: HttpRequest, token: str | None = None) -> HttpResponse:
    config = conf.receiver_config()
    if not hmac.compare_digest((token or "").encode(), config.token.encode()):
        return HttpResponse(status=404)
    now = timezone.now()
    try:
        check_source(
            request.META.get("REMOTE_ADDR", ""),
            request.headers,
            sources=config.sources,
            trusted_proxies=config.trusted_proxies,
        )
        if not config.secrets:
            logger.error("A webhook arrived, but WORKOS_WEBHOOK_SECRET is not set.", extra=LIMITED)
            return HttpResponse("WORKOS_WEBHOOK_SECRET is not set", status=503)
        body = read_body(request, limit=MAX_BODY_BYTES)
        delivery = accept(request.headers, body, secrets=config.secrets, tolerance=config.tolerance, now=now)
    except NotAnEvent as refused:
        return _keep_unreadable(request, refused, now)
    except Refused as refused:
        return _answer_refused(request, refused, now)
    try:
        _record(delivery, now)
    except (DataError, IntegrityError, ValueError) as error:
        return _keep_unreadable(
            request, describe_unstorable(delivery, type(error).__name__, body_length=len(body)), now
        )
    except (DatabaseError, InterfaceError) as error:
        # What is not recorded is not received: WorkOS must send it again.
        logger.error("Webhook %s not recorded: %s", delivery.event_id, type(error).__name__, extra=LIMITED)
        DELIVERIES.labels("unavailable").inc()
        return HttpResponse(status=503)
    DELIVERIES.labels("recorded").inc()
    return HttpResponse()


def _record(delivery: Delivery, now: datetime) -> None:
    """Record an event. Raises the database's error."""
    try:
        _run_twice(partial(_insert, build_insert([(delivery, now)])))
    except DataError:
        _run_twice(partial(_insert, build_insert([(normalize(delivery), now)])))
    if due := secret_uses.take_due([(delivery, now)]):
        _run_twice(partial(_execute, build_secret_uses(due)))
    if is_handled(delivery):
        wake_workers_after_commit()


def _insert(statement: Statement) -> None:
    connection.ensure_connection()
    if connection.in_atomic_block:
        # Its BEGIN may not have been sent yet: only psycopg's cursors see to that.
        _execute([statement])
        return
    if _prepared.connection is not connection.connection:
        _prepared.connection = connection.connection
        _prepared.statements = PreparedStatements(_prepared.connection)
    with connection.wrap_database_errors:
        _prepared.statements.run(statement)


def _execute(statements: Sequence[Statement]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.sql, statement.parameters)


def _run_twice(work: Callable[[], None]) -> None:
    """Run statements, and once more with another connection if theirs has died."""
    # With CONN_HEALTH_CHECKS, Django would send a SELECT before the first statement of each request. Whether
    # the connection is still good shows when it is used, and each of these statements may be sent twice.
    connection.health_check_done = True  # type: ignore[attr-defined]
    try:
        work()
    except (DatabaseError, InterfaceError):
        if connection.in_atomic_block or connection.connection is None or connection.is_usable():
            raise
        connection.close()
        work()


def _keep_unreadable(request: HttpRequest, delivery: NotAnEvent, now: datetime) -> HttpResponse:
    """Record what WorkOS signed and is not an event, where staff see it, and answer it."""
    try:
        with open_transaction() as cursor:
            for statement in build_unreadable_inserts(delivery, received_at=now):
                cursor.execute(statement.sql, statement.parameters)
    except NotWritten as error:
        logger.error("Signed webhook not recorded: %s", error, extra=LIMITED)
        DELIVERIES.labels("unavailable").inc()
        return HttpResponse(status=503)
    return _answer_refused(request, delivery, now)


def _answer_refused(request: HttpRequest, refused: Refused, now: datetime) -> HttpResponse:
    """Count and answer a refusal. The tally logs how many there were."""
    if refused.status == 200:
        log_signed_refusal(refused)
    tally.add(build_sample(refused, signature=request.headers.get("workos-signature"), now=now))
    return HttpResponse("" if refused.status == 200 else refused.reason.label, status=refused.status)
