"""Probes come by IP address, over http and without a cookie, and must still be answered."""

import json
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from hostapp import health
from hostapp.asgi import get_connection_parameters
from outbox.models import WorkerHeartbeat
from tests.deliveries import payload, signed
from tests.processes import wait_until
from tests.webhooks.receive.server import request, serving, status


@pytest.fixture(autouse=True)
def forget_applied_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health._Migrations, "are_applied", False)


def probe(path: str, method: str = "GET") -> Any:
    return getattr(Client(headers={"host": "10.1.2.3"}), method.lower())(path)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probe_by_address_is_answered_without_redirect_and_session(settings: Any, path: str) -> None:
    settings.SECURE_SSL_REDIRECT = True

    response = probe(path)

    assert (response.status_code, response.content) == (200, b"ok\n")
    assert not response.cookies
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probe_with_another_method_is_refused(path: str) -> None:
    assert probe(path, "POST").status_code == 405
    assert probe(path, "DELETE").status_code == 405


@pytest.mark.django_db
def test_ready_although_no_worker_lives() -> None:
    assert not WorkerHeartbeat.objects.exists()

    assert probe("/readyz").status_code == 200


@pytest.mark.django_db
def test_not_ready_before_migrations_are_applied() -> None:
    MigrationRecorder.Migration.objects.filter(app="webhooks").latest("name").delete()

    response = probe("/readyz")

    assert response.status_code == 503
    assert b"migrations are not applied (1 of them): run manage.py migrate" in response.content
    assert probe("/healthz").status_code == 200


@pytest.mark.django_db
def test_not_ready_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise DatabaseError("secret words of the database")

    monkeypatch.setattr(connection, "cursor", fail)
    monkeypatch.setattr(connection, "close", lambda: None)

    response = probe("/readyz")

    assert (response.status_code, response.content) == (
        503,
        b"the database does not answer (DatabaseError)\n",
    )
    assert probe("/healthz").status_code == 200


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("program", ["serve", "receiver"])
def test_server_answers_probes(program: str) -> None:
    def probe(path: str, method: str = "GET") -> int:
        return status(server.send(request(b"", method=method, path=path).replace(b"localhost", b"10.1.2.3")))

    with serving(program=program, WEB_CONCURRENCY="1") as server:
        wait_until(lambda: probe("/readyz") == 200)
        assert probe("/healthz") == 200
        assert probe("/healthz", "POST") == 405


@pytest.mark.django_db(transaction=True)
def test_receiver_is_not_ready_while_the_database_is_away() -> None:
    name = connection.settings_dict["NAME"]

    def probe(path: str) -> int:
        return status(server.send(request(b"", method="GET", path=path)))

    with serving(program="receiver", WEB_CONCURRENCY="1") as server:
        wait_until(lambda: probe("/readyz") == 200)
        connection.close()
        with psycopg.connect(
            **{**get_connection_parameters(), "dbname": "postgres"}, autocommit=True
        ) as other:
            other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            try:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
                )
                # A delivery finds out.
                body = json.dumps(payload("connection.activated")).encode()
                delivery = request(body, f"WorkOS-Signature: {signed(body)}")
                wait_until(lambda: status(server.send(delivery)) == 503)
                wait_until(lambda: probe("/readyz") == 503)
                assert probe("/healthz") == 200
            finally:
                other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        wait_until(lambda: probe("/readyz") == 200)
