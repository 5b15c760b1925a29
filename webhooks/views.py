"""Where WorkOS posts. Each answer is chosen for what the sender will do next."""

import hmac
import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, DataError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from webhooks import bodies, receiving, refusals, sources
from webhooks.models import Reason, RefusalSample, WebhookEvent

logger = logging.getLogger(__name__)

refused = refusals.Tally(settings.WORKOS_WEBHOOK_REFUSALS_INTERVAL)


def nothing_here() -> HttpResponse:
    return HttpResponse(status=404)


@csrf_exempt
@login_not_required
@require_POST
def receive(request: HttpRequest, token: str | None = None) -> HttpResponse:
    if not hmac.compare_digest((token or "").encode(), settings.WORKOS_WEBHOOK_TOKEN.encode()):
        return nothing_here()
    now = timezone.now()
    header = request.META.get("HTTP_WORKOS_SIGNATURE")
    if not sources.is_allowed(
        request.META, settings.WORKOS_WEBHOOK_SOURCES, behind_proxy=settings.BEHIND_TLS_PROXY
    ):
        return _refuse(Reason.SOURCE_NOT_ALLOWED, 403, now, header)
    secrets = dict(zip(settings.WORKOS_WEBHOOK_SECRET_NAMES, settings.WORKOS_WEBHOOK_SECRETS, strict=False))
    if not secrets:
        logger.error("A webhook came, but WORKOS_WEBHOOK_SECRET is not set.")
        return HttpResponse("WORKOS_WEBHOOK_SECRET is not set", status=503)
    try:
        body = bodies.read(request, most=receiving.MAX_BODY)
    except bodies.TooLarge as error:
        return _refuse(Reason.TOO_LARGE, 413, now, header, length=error.length)
    except bodies.CutOff:
        return _refuse(Reason.CUT_OFF, 400, now, header)

    try:
        received = receiving.read(
            # WSGI hands headers over as Latin-1 text; the signature is checked on bytes.
            None if header is None else header.encode("latin-1", "replace"),
            body,
            secrets=secrets,
            tolerance=timedelta(seconds=settings.WORKOS_WEBHOOK_TOLERANCE),
            now=now,
        )
    except receiving.Refused as refusal:
        reason = Reason[refusal.reason.name]
        return _refuse(reason, 400, now, header, length=len(body), issued_at=refusal.issued_at)
    except receiving.NotAnEvent as error:
        # A 4xx would bring it back for three days, no better than it is.
        return _refuse(Reason.NOT_AN_EVENT, 200, now, header, length=len(body), detail=str(error))

    try:
        WebhookEvent.objects.record(received, received_at=now)
    except DataError as error:
        logger.error("Signed webhook %s could not be kept", received.event_id)
        return _refuse(Reason.NOT_AN_EVENT, 200, now, header, length=len(body), detail=type(error).__name__)
    except (DatabaseError, InterfaceError) as error:
        # It is not written down, so it is not received: WorkOS shall send it again.
        logger.error("Webhook %s not recorded: %s", received.event_id, type(error).__name__)
        return HttpResponse(status=503)
    return HttpResponse()


def _refuse(
    reason: Reason,
    status: int,
    now: datetime,
    header: str | None,
    *,
    length: int | None = None,
    issued_at: datetime | None = None,
    detail: str = "",
) -> HttpResponse:
    """Say why, count it, and answer. Lengths and times are kept, never what was sent."""
    sample = RefusalSample(
        reason=reason,
        refused_at=now,
        issued_at=issued_at,
        header_length=None if header is None else min(len(header), 2**31 - 1),
        body_length=None if length is None else min(length, 2**63 - 1),
        detail=detail,
    )
    if status == 200:
        logger.error("Signed webhook left out: %s", detail)
    else:
        clocks = (
            f" (t={issued_at:%Y-%m-%dT%H:%M:%SZ}; our clock says {now:%Y-%m-%dT%H:%M:%SZ})"
            if issued_at
            else ""
        )
        logger.warning("Webhook refused: %s%s", reason.label, clocks)
    refused.add(sample)
    return HttpResponse("" if status == 200 else reason.label, status=status)
