"""Reports of errors to Sentry, or a server that speaks its protocol: with SENTRY_DSN, and the extra `sentry`.

A report has the traceback, the reference and the enterprise. It has no local variables, bodies, headers,
cookies or people; tokens, query strings and e-mail addresses in its texts are hidden. It imports no Django.
"""

import re
from typing import Any

from telemetry.context import get_fields
from telemetry.redaction import hide_tokens

_EMAIL_ADDRESS = re.compile(r"[^\s@<>\"'()=,;:]+@[^\s@<>\"'(),;:]+")
_REQUEST_PARTS = {"url", "method"}


def start_error_reports(dsn: str, *, is_production: bool, transport: Any = None) -> None:
    """Report from now on. `transport` replaces the way to the server, for tests."""
    import sentry_sdk  # noqa: PLC0415 - an optional extra

    sentry_sdk.init(
        dsn=dsn,
        environment="production" if is_production else "development",
        transport=transport,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        # What processes do otherwise is in the metrics.
        traces_sample_rate=None,
        auto_session_tracking=False,
        before_send=clean_report,
        before_breadcrumb=lambda crumb, hint: _clean(crumb),
    )


def clean_report(report: Any, hint: Any) -> Any:
    """The report as it is sent. None for a line that the log leaves out, too (`hostapp.logs.Repeats`)."""
    if getattr(hint.get("log_record"), "is_left_out", False):
        return None
    report.pop("user", None)
    report.pop("modules", None)
    if request := report.get("request"):
        report["request"] = {name: value for name, value in request.items() if name in _REQUEST_PARTS}
    report["tags"] = {**(report.get("tags") or {}), **get_fields()}
    return _clean(report)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _EMAIL_ADDRESS.sub("…@…", hide_tokens(value))
    if isinstance(value, dict):
        return {key: _clean(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(one) for one in value]
    return value
