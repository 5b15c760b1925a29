"""The view that WorkOS posts deliveries to. Each answer is chosen for what the sender does next."""

import hmac
import logging
from datetime import datetime

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

import audit.conf
from webhooks import conf
from webhooks.receive.accept import MAX_BODY_BYTES, NotAnEvent, accept, check_source
from webhooks.receive.body import read_body
from webhooks.receive.reasons import Refused
from webhooks.receive.record import record_event, record_unreadable
from webhooks.receive.refusals import RefusalTally, build_sample, log_signed_refusal

logger = logging.getLogger(__name__)

tally = RefusalTally(interval=conf.refusals_interval())


@csrf_exempt
@require_POST
def receive(request: HttpRequest, token: str | None = None) -> HttpResponse:
    if not hmac.compare_digest((token or "").encode(), conf.token().encode()):
        return HttpResponse(status=404)
    now = timezone.now()
    try:
        check_source(
            request.META.get("REMOTE_ADDR", ""),
            request.headers,
            sources=conf.sources(),
            trusted_proxies=audit.conf.trusted_proxies(),
        )
        if not conf.secrets():
            logger.error("A webhook arrived, but WORKOS_WEBHOOK_SECRET is not set.")
            return HttpResponse("WORKOS_WEBHOOK_SECRET is not set", status=503)
        body = read_body(request, limit=MAX_BODY_BYTES)
        delivery = accept(request.headers, body, secrets=conf.secrets(), tolerance=conf.tolerance(), now=now)
    except NotAnEvent as refused:
        return _keep_unreadable(request, refused, now)
    except Refused as refused:
        return _answer_refused(request, refused, now)
    try:
        with connection.cursor() as cursor:
            record_event(cursor, delivery, received_at=now)
    except (DataError, IntegrityError, ValueError) as error:
        # What accept() did not foresee. It would fail again, so staff get it.
        unstorable = NotAnEvent(
            f"it cannot be stored ({type(error).__name__})",
            body=body,
            body_length=len(body),
            signed_at=delivery.issued_at,
            secret_name=delivery.secret_name,
        )
        return _keep_unreadable(request, unstorable, now)
    except (DatabaseError, InterfaceError) as error:
        # What is not recorded is not received: WorkOS must send it again.
        logger.error("Webhook %s not recorded: %s", delivery.event_id, type(error).__name__)
        return HttpResponse(status=503)
    return HttpResponse()


def _keep_unreadable(request: HttpRequest, delivery: NotAnEvent, now: datetime) -> HttpResponse:
    """Record what WorkOS signed and is not an event, where staff see it, and answer it."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            record_unreadable(cursor, delivery, received_at=now)
    except (DatabaseError, InterfaceError) as error:
        logger.error("Signed webhook not recorded: %s", type(error).__name__)
        return HttpResponse(status=503)
    return _answer_refused(request, delivery, now)


def _answer_refused(request: HttpRequest, refused: Refused, now: datetime) -> HttpResponse:
    """Count and answer a refusal. The tally logs how many there were."""
    if refused.status == 200:
        log_signed_refusal(refused)
    tally.add(build_sample(refused, signature=request.headers.get("workos-signature"), now=now))
    return HttpResponse("" if refused.status == 200 else refused.reason.label, status=refused.status)
