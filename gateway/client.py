"""The WorkOS client of this process, its time-out, and the two errors that a call can end in."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from gateway import conf
from gateway.metrics import CALLS
from telemetry.context import get_reference, more_fields

# Imported on first use: it takes half a second and 42 MB, and most processes never call WorkOS.
if TYPE_CHECKING:
    import workos

logger = logging.getLogger(__name__)


class GatewayError(Exception):
    """A call that failed. The message is for our staff and the log: customers get other words.

    `reference` is ours: what a person is shown and quotes, and what the log and the stored cause are found
    by. `status` and `code` are WorkOS's, `request_id` finds the request there, and `retry_after` is the
    number of seconds that WorkOS asks us to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str = "",
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reference = get_reference()
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after

    def describe(self) -> str:
        """The message with its cause and reference, for staff and the log."""
        parts = [
            f"HTTP {self.status}" if self.status else "",
            f"code {self.code}" if self.code else "",
            f"request {self.request_id}" if self.request_id else "",
            f"reference {self.reference}",
        ]
        return f"{self} ({', '.join(filter(None, parts))})"


class Refused(GatewayError):
    """WorkOS refused, or sent a response that we must not act on. Repeating the call does not help."""


class UntrustedLink(Refused):
    """WorkOS sent a link that is none, or that leads to a host which is not allowed."""


class Unavailable(GatewayError):
    """WorkOS did not answer, or its answer cannot be read. Repeating the call may help.

    `status` is None if no answer came.
    """


class Busy(Unavailable):
    """Too many calls: WorkOS says so, or as many of ours are waiting for it as we allow."""


@cache
def get_client() -> "workos.WorkOSClient":
    """The client of this process, created on first use. Raises Refused without an API key."""
    from workos import WorkOSClient

    if not conf.api_key():
        raise Refused("WORKOS_API_KEY is not set: put a key of your WorkOS environment into .env.")
    return WorkOSClient(
        api_key=conf.api_key(),
        client_id=conf.client_id() or None,
        base_url=conf.base_url(),
        # Its own retries would keep a person waiting, and repeat a POST that may have succeeded.
        max_retries=0,
    )


def get_environment() -> str:
    """The WorkOS environment that our key belongs to: `test` or `live`. Ids are valid in one of them only."""
    return "test" if conf.api_key().startswith("sk_test_") else "live"


def request_options() -> Any:
    return {"max_retries": 0, "timeout": conf.timeout()}


@contextmanager
def ignore_not_found() -> Iterator[None]:
    try:
        yield
    except Refused as refusal:
        if refusal.status != 404:
            raise


# Per process: of the web server's 40 threads, some stay free for deliveries and pages however slow WorkOS is.
_MAX_CONCURRENT_CALLS = 30
_call_slots = BoundedSemaphore(_MAX_CONCURRENT_CALLS)


@contextmanager
def call(operation: str, *, expected_status: int | None = None) -> Iterator[None]:
    """Limit concurrent calls, and turn what the SDK raises into Refused or Unavailable; log no content.

    `operation` names the call in the log. A response with `expected_status` is not logged as a warning.
    """
    if not _call_slots.acquire(blocking=False):
        CALLS.labels(operation, "busy").observe(0)
        logger.warning("%s: not sent, %s calls are waiting for WorkOS", operation, _MAX_CONCURRENT_CALLS)
        raise Busy("WorkOS is slow, and many requests are waiting for it.")
    began, outcome = time.monotonic(), "ok"
    try:
        with _translate_errors(operation, expected_status):
            yield
    except GatewayError as error:
        outcome = _name_outcome(error, expected_status)
        raise
    finally:
        CALLS.labels(operation, outcome).observe(time.monotonic() - began)
        _call_slots.release()


def _name_outcome(error: GatewayError, expected_status: int | None) -> str:
    if error.status is not None and error.status == expected_status:
        return "ok"
    if isinstance(error, Busy):
        return "busy"
    return "unavailable" if isinstance(error, Unavailable) else "refused"


@contextmanager
def _translate_errors(operation: str, expected_status: int | None) -> Iterator[None]:
    from workos import WorkOSError

    try:
        yield
    except GatewayError:
        raise
    except WorkOSError as error:
        status: int | None = getattr(error, "status_code", None)
        code = str(getattr(error, "code", None) or "")
        request_id = str(getattr(error, "request_id", None) or "")
        if status is None:
            logger.warning("%s: no answer (%s)", operation, type(error).__name__)
            raise Unavailable("WorkOS is not reachable.") from None
        level = logging.DEBUG if status == expected_status else logging.WARNING
        logger.log(
            level, "%s: HTTP %s code=%s", operation, status, code, extra=more_fields(request_id=request_id)
        )
        error_class, message = _error_for_status(status)
        raise error_class(
            message,
            status=status,
            code=code,
            request_id=request_id,
            retry_after=getattr(error, "retry_after", None),
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # The SDK builds its models from any response, and raises on fields that it does not expect.
        logger.warning("%s: the SDK cannot read the answer (%s)", operation, type(error).__name__)
        raise Unavailable("WorkOS gave an answer that we cannot read.", status=200) from None


_ERRORS_BY_STATUS: dict[int, tuple[type[GatewayError], str]] = {
    401: (Refused, "WorkOS does not accept our API key."),
    403: (Refused, "Our API key may not do this in WorkOS."),
    404: (Refused, "WorkOS does not know this organization."),
    409: (Refused, "One of the domains belongs to another organization in WorkOS."),
    429: (Busy, "WorkOS asks us to slow down."),
}


def _error_for_status(status: int) -> tuple[type[GatewayError], str]:
    if status >= 500:
        return Unavailable, "WorkOS has a problem of its own."
    return _ERRORS_BY_STATUS.get(status, (Refused, "WorkOS did not accept what we sent."))
