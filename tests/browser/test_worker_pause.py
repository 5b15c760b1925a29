"""Between two tests the worker is paused, and holds no lock on the tables that are then emptied."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from enterprises.models import Enterprise
from mirror.models import Connection
from outbox.models import WorkerHeartbeat
from sandbox.client import Sandbox
from tests.browser.app import App, create_organization
from tests.browser.pausable_worker import HEARTBEAT_SECONDS
from tests.processes import someone_waits_for_a_lock, wait_until, wait_until_database_is_idle


def test_pause_waits_for_the_transaction_of_the_worker_and_leaves_no_lock(
    app: App, sandbox: Sandbox, acme: Enterprise
) -> None:
    organization_id = create_organization(sandbox, acme)

    with ThreadPoolExecutor() as pool:
        with transaction.atomic():
            # The worker is inside a transaction that needs this row.
            Enterprise.objects.select_for_update().get(pk=acme.pk)
            sandbox.activate_connection(organization_id)
            wait_until(someone_waits_for_a_lock)
            pausing = pool.submit(app.pause_worker)
            with pytest.raises(TimeoutError):
                pausing.result(timeout=0.3)
        pausing.result(timeout=10)
    wait_until_database_is_idle()

    try:
        assert Connection.objects.get().state == "active"
        # As a teardown does. It fails after `lock_timeout` if anyone still holds a lock on a table.
        call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=True)
    finally:
        app.resume_worker()


def end_other_connections(app: App) -> None:
    """As a test of a database that is away does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.parametrize("stop", [App.pause_worker, end_other_connections])
def test_worker_without_permission_applies_and_writes_nothing_until_it_resumes(
    app: App, sandbox: Sandbox, acme: Enterprise, stop: Callable[[App], None]
) -> None:
    organization_id = create_organization(sandbox, acme)
    wait_until(WorkerHeartbeat.objects.exists)
    stop(app)
    wait_until_database_is_idle()
    WorkerHeartbeat.objects.all().delete()
    sandbox.activate_connection(organization_id)
    sandbox.settle()
    time.sleep(2 * HEARTBEAT_SECONDS)

    assert not Connection.objects.exists()
    assert not WorkerHeartbeat.objects.exists()

    app.resume_worker()
    wait_until(WorkerHeartbeat.objects.exists)
    wait_until(Connection.objects.filter(state="active").exists)
