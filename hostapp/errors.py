"""The pages for errors that no view handles: 403, 503 while the database cannot be used, else 500."""

import sys

from django.conf import settings
from django.db import DatabaseError, InterfaceError, InternalError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template import loader
from django.utils.translation import gettext as _

from enterprises.access import AccessLost
from hostapp.context_processors import product
from telemetry.context import get_reference

_RETRY_SECONDS = 10
# PostgreSQL's codes for: the tables are missing or older than the code, because `migrate` has not run yet.
_NOT_MIGRATED = {"42P01", "42703"}
# A database that became read-only in a failover.
_READ_ONLY = "25006"


def show_forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The project's `handler403`. The exception's message says what to do."""
    heading = exception.heading if isinstance(exception, AccessLost) else _("You don’t have permission")
    return render(request, "403.html", {"heading": heading, "exception": str(exception)}, status=403)


def show_error(request: HttpRequest) -> HttpResponse:
    """The project's `handler500`. Neither page uses the database or the session."""
    error = sys.exc_info()[1]
    if not is_database_unusable(error):
        return HttpResponseServerError(_render("500.html"))
    if not connection.in_atomic_block:
        # The next request opens a new connection, which after a failover leads to the new server.
        connection.close()
    return HttpResponse(_render("503.html"), status=503, headers={"Retry-After": str(_RETRY_SECONDS)})


def _render(template: str) -> str:
    # The plain names of static files work, too, and need no manifest, which may be what is broken.
    return loader.get_template(template).render(
        {**product(), "static_url": settings.STATIC_URL, "reference": get_reference()}
    )


def is_database_unusable(error: BaseException | None) -> bool:
    """Whether the error or a cause says that the database is unreachable, read-only, busy or not migrated."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, DatabaseError | InterfaceError) and _is_unusable(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_unusable(error: DatabaseError | InterfaceError) -> bool:
    sqlstate = getattr(error.__cause__, "sqlstate", None)
    if isinstance(error, InternalError):
        return sqlstate == _READ_ONLY
    return isinstance(error, OperationalError | InterfaceError) or sqlstate in _NOT_MIGRATED
