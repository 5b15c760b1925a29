"""Two URLs for load balancers and orchestrators: `/healthz` and `/readyz`. Both answer plain text.

* `/healthz`: the process answers. It says nothing of the database: a process is not restarted for that.
* `/readyz`: requests can be served: the database answers and has this version's tables. Otherwise 503, and
  the reason. A dead worker changes nothing: deliveries can still be received.

They answer any Host, over http and without a session: a probe comes by IP address. The middleware stands
before those that redirect or refuse such a request. Behind `manage.py serve`, `/healthz` is answered before
the site, also while all of its threads are busy.
"""

from collections.abc import Callable

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from hostapp.server.probes import HEALTH_PATH, READINESS_PATH


class _Migrations:
    """Whether the tables are this version's. Once they are, they stay so: it is not asked again."""

    are_applied = False


def answer_probes(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def handle_request(request: HttpRequest) -> HttpResponseBase:
        if request.path_info not in (HEALTH_PATH, READINESS_PATH):
            return get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        problem = find_unreadiness() if request.path_info == READINESS_PATH else ""
        response = HttpResponse(
            f"{problem or 'ok'}\n", content_type="text/plain; charset=utf-8", status=503 if problem else 200
        )
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Length"] = str(len(response.content))
        return response

    return handle_request


def find_unreadiness() -> str:
    """Why this process cannot serve requests. A blank if it can."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if not _Migrations.are_applied:
            missing = count_missing_migrations()
            if missing:
                return f"migrations are not applied ({missing} of them): run manage.py migrate"
            _Migrations.are_applied = True
    except (DatabaseError, InterfaceError) as error:
        connection.close()
        return f"the database does not answer ({type(error).__name__})"
    return ""


def count_missing_migrations() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
