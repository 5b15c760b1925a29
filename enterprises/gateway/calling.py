"""How WorkOS is called: one client, a time-out, and two errors for whatever goes wrong."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore
from typing import Any

import workos
from django.conf import settings

logger = logging.getLogger(__name__)


class GatewayError(Exception):
    """What stands in the message may be shown to a person; `reference` finds the request at WorkOS."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str = "",
        reference: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.reference = reference
        # Seconds that WorkOS asks us to wait.
        self.retry_after = retry_after


class Refused(GatewayError):
    """WorkOS understood and said no, or said something that we must not act on. Repeating will not help."""


class Unavailable(GatewayError):
    """WorkOS did not answer, or not with an answer. Repeating may help."""


@cache
def client() -> workos.WorkOSClient:
    """One client a process, made when it is first needed."""
    if not settings.WORKOS_API_KEY:
        raise Refused("WORKOS_API_KEY is not set: put a key of your WorkOS environment into .env.")
    return workos.WorkOSClient(
        api_key=settings.WORKOS_API_KEY,
        client_id=settings.WORKOS_CLIENT_ID or None,
        base_url=settings.WORKOS_BASE_URL,
        # Its own retries would keep a person waiting, and repeat a POST that may have been done.
        max_retries=0,
    )


def environment() -> str:
    """Which of WorkOS's environments our key opens: `test` or `live`. No id is known in both."""
    return "test" if settings.WORKOS_API_KEY.startswith("sk_test_") else "live"


def options() -> Any:
    return {"max_retries": 0, "timeout": settings.WORKOS_TIMEOUT}


@contextmanager
def gone_is_done() -> Iterator[None]:
    try:
        yield
    except Refused as refusal:
        if refusal.status != 404:
            raise


# In a process: of gunicorn's 40 threads some are left for deliveries and pages, however slow WorkOS is.
_AT_ONCE = 30
_under_way = BoundedSemaphore(_AT_ONCE)


@contextmanager
def call(deed: str, *, usual: int | None = None) -> Iterator[None]:
    """Turn what the SDK raises into one of our two errors. The log gets what leads to it, no more.

    `usual` is a status that is an ordinary answer here, and nothing to log.
    """
    if not _under_way.acquire(blocking=False):
        logger.warning("%s: not asked, because %s calls wait for WorkOS already", deed, _AT_ONCE)
        raise Unavailable("WorkOS is slow, and many are waiting for it already.")
    try:
        with _translated(deed, usual):
            yield
    finally:
        _under_way.release()


@contextmanager
def _translated(deed: str, usual: int | None) -> Iterator[None]:
    try:
        yield
    except GatewayError:
        raise
    except workos.WorkOSError as error:
        status: int | None = getattr(error, "status_code", None)
        code = str(getattr(error, "code", None) or "")
        reference = str(getattr(error, "request_id", None) or "")
        if status is None:
            logger.warning("%s: no answer (%s)", deed, type(error).__name__)
            raise Unavailable("WorkOS is not reachable.") from None
        level = logging.DEBUG if status == usual else logging.WARNING
        logger.log(level, "%s: HTTP %s code=%s request_id=%s", deed, status, code, reference)
        kind, message = _meaning(status)
        raise kind(
            message,
            status=status,
            code=code,
            reference=reference,
            retry_after=getattr(error, "retry_after", None),
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # The SDK builds its models from whatever came, and stumbles over what it did not expect.
        logger.warning("%s: an answer that the SDK cannot read (%s)", deed, type(error).__name__)
        raise Unavailable("WorkOS gave an answer that we cannot read.") from None


_MEANINGS: dict[int, tuple[type[GatewayError], str]] = {
    401: (Refused, "WorkOS does not accept our API key."),
    403: (Refused, "Our API key may not do this at WorkOS."),
    404: (Refused, "WorkOS does not know this organization."),
    409: (Refused, "One of the domains belongs to another organization at WorkOS."),
    429: (Unavailable, "WorkOS asks us to slow down."),
}


def _meaning(status: int) -> tuple[type[GatewayError], str]:
    if status >= 500:
        return Unavailable, "WorkOS has a problem of its own."
    return _MEANINGS.get(status, (Refused, "WorkOS did not accept what we sent."))
