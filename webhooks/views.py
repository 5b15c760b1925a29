"""Where WorkOS posts. Each answer is chosen for what the sender will do next."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, DataError, InterfaceError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from webhooks import receiving
from webhooks.models import WebhookEvent

logger = logging.getLogger(__name__)


@csrf_exempt
@login_not_required
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    if not settings.WORKOS_WEBHOOK_SECRETS:
        logger.error("A webhook came, but WORKOS_WEBHOOK_SECRET is not set.")
        return HttpResponse("WORKOS_WEBHOOK_SECRET is not set", status=503)
    if _announced_length(request) > receiving.MAX_BODY:
        return HttpResponse(status=413)

    now = timezone.now()
    header = request.META.get("HTTP_WORKOS_SIGNATURE")
    try:
        received = receiving.read(
            # WSGI hands headers over as Latin-1 text; the signature is checked on bytes.
            None if header is None else header.encode("latin-1", "replace"),
            request.body,
            secrets=settings.WORKOS_WEBHOOK_SECRETS,
            tolerance=timedelta(seconds=settings.WORKOS_WEBHOOK_TOLERANCE),
            now=now,
        )
    except receiving.Refused as refusal:
        logger.warning("Webhook refused: %s%s", refusal, _how_far(refusal, now))
        return HttpResponse("invalid signature", status=400)
    except receiving.NotAnEvent as error:
        # A 4xx would bring it back for three days, no better than it is.
        logger.error("Signed webhook left out: %s", error)
        return HttpResponse()
    except UnreadablePostError:
        logger.warning("Webhook refused: the sender went away in the middle of it")
        return HttpResponse(status=400)

    try:
        WebhookEvent.objects.record(received, received_at=now)
    except DataError as error:
        logger.error("Signed webhook %s left out: %s", received.event_id, type(error).__name__)
        return HttpResponse()
    except (DatabaseError, InterfaceError) as error:
        # It is not written down, so it is not received: WorkOS shall send it again.
        logger.error("Webhook %s not recorded: %s", received.event_id, type(error).__name__)
        return HttpResponse(status=503)
    return HttpResponse()


def _announced_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _how_far(refusal: receiving.Refused, now: datetime) -> str:
    if refusal.issued_at is None:
        return ""
    return f" (t={refusal.issued_at:%Y-%m-%dT%H:%M:%SZ}; our clock says {now:%Y-%m-%dT%H:%M:%SZ})"
