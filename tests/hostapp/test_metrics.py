"""The page for Prometheus: who may read it, what it says, and that it asks little of the database."""

import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import responses
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import gateway
from audit.client_ip import parse_network
from enterprises.models import Enterprise
from gateway.metrics import CALLS
from hostapp.receiver_settings import MetricsConfig
from outbox.models import Task, WorkerHeartbeat
from portal.models import PortalSession
from tests.deliveries import payload, signed
from tests.processes import wait_until
from tests.webhooks.receive.server import Server, request, serving, status
from webhooks.models import WebhookEvent

TOKEN = "metrics-token-of-the-tests"
PRIVATE = "10.20.30.40"


def configure(settings: Any, *, token: str = TOKEN, sources: tuple[str, ...] = ()) -> None:
    settings.METRICS = MetricsConfig(token, [parse_network(one) for one in sources], "", [])


def scrape(**arguments: Any) -> Any:
    return Client().get(
        "/metrics", headers={"host": PRIVATE, "authorization": f"Bearer {TOKEN}"}, **arguments
    )


def read_figures(text: str) -> dict[str, float]:
    """The samples of a page by name and labels, such as `a{b="c"}`."""
    samples = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


def figures(settings: Any) -> dict[str, float]:
    configure(settings)
    response = scrape()
    assert response.status_code == 200
    return read_figures(response.content.decode())


def record(number: int, **fields: Any) -> WebhookEvent:
    now = timezone.now()
    return WebhookEvent.objects.create(
        **{
            "event_id": f"event_{number}",
            "event": "connection.activated",
            "issued_at": now,
            "received_at": now,
            "payload": {},
            "secret_name": "current",
            **fields,
        }
    )


@pytest.mark.parametrize("method", ["get", "post"])
def test_page_does_not_exist_without_a_token_and_sources(settings: Any, method: str) -> None:
    configure(settings, token="")

    response = getattr(Client(headers={"host": PRIVATE}), method)("/metrics")

    assert (response.status_code, response.content) == (404 if method == "get" else 405, b"")


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", f"Basic {TOKEN}", "Bearer ", "Bearer \xe9"])
def test_wrong_token_is_refused(settings: Any, authorization: str) -> None:
    configure(settings)

    response = Client(headers={"host": PRIVATE}).get("/metrics", headers={"authorization": authorization})

    assert (response.status_code, response.content) == (401, b"")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.django_db
@pytest.mark.parametrize(("address", "expected"), [(PRIVATE, 200), ("203.0.113.7", 403)])
def test_private_address_needs_no_token(settings: Any, address: str, expected: int) -> None:
    configure(settings, token="", sources=("10.20.0.0/16",))

    response = Client(headers={"host": PRIVATE}).get("/metrics", REMOTE_ADDR=address)

    assert response.status_code == expected
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_scrape_by_address_is_answered_without_redirect_and_session(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    configure(settings)

    response = scrape()

    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert not response.cookies


@pytest.mark.django_db
def test_page_tells_of_the_inbox(settings: Any) -> None:
    now = timezone.now()
    record(1, due_at=now - timedelta(seconds=90))
    record(2, status="failed", due_at=now + timedelta(minutes=1))
    record(3, status="failed", reason="Quarantined: workers died")
    record(4, status="failed", reason="KeyError")
    record(5, awaited_organization_id="org_1")
    record(6, status="applied", received_at=now - timedelta(seconds=4), applied_at=now)
    record(7, status="applied", received_at=now - timedelta(hours=1), applied_at=now)

    found = figures(settings)

    assert {
        state: found[f'portal_host_events{{state="{state}"}}']
        for state in ("due", "held", "retried", "failed", "quarantined")
    } == {"due": 1, "held": 1, "retried": 1, "failed": 1, "quarantined": 1}
    assert 90 <= found["portal_host_oldest_due_event_seconds"] < 600
    assert found["portal_host_accepted_recently"] == 6
    assert found['portal_host_apply_latency_seconds{quantile="1"}'] == pytest.approx(3600)
    assert found["portal_host_newest_event_timestamp_seconds"] <= now.timestamp()
    assert found["portal_host_database_up"] == 1


@pytest.mark.django_db
def test_page_counts_refusals_by_reason(settings: Any) -> None:
    body = json.dumps(payload("connection.activated")).encode()
    for _ in range(3):
        response = Client().post(
            "/webhooks/workos/",
            body,
            content_type="application/json",
            headers={"workos-signature": "t=1, v1=0"},
        )
        assert response.status_code == 400

    found = figures(settings)

    refused = {name: value for name, value in found.items() if name.startswith("portal_host_refused")}
    assert list(refused.values()) == [3]
    assert re.fullmatch(r'portal_host_refused_recently\{reason="[a-z_]+"\}', next(iter(refused)))


@pytest.mark.django_db
def test_page_tells_of_workers_and_tasks(settings: Any, acme: Enterprise) -> None:
    Task.objects.all().delete()
    now = timezone.now()
    started = now - timedelta(hours=1)
    for pid, seen in ((1, now), (2, now), (3, now - timedelta(hours=1))):
        WorkerHeartbeat.objects.create(host="web", pid=pid, started_at=started, last_seen_at=seen)
    for key, error, due in (("a", "Refused", 60), ("b", "", -60)):
        Task.objects.create(
            kind="provision",
            subject=acme.external_id,
            key=key,
            error=error,
            due_at=now - timedelta(seconds=due),
        )

    found = figures(settings)

    assert found["portal_host_workers"] == 2
    assert found["portal_host_oldest_worker_start_timestamp_seconds"] == pytest.approx(started.timestamp())
    assert found["portal_host_worker_heartbeat_timestamp_seconds"] == pytest.approx(now.timestamp())
    assert found['portal_host_tasks{kind="provision"}'] == 2
    assert found['portal_host_failing_tasks{kind="provision"}'] == 1
    assert 60 <= found['portal_host_oldest_due_task_seconds{kind="provision"}'] < 600


@pytest.mark.django_db
def test_page_counts_launches_by_outcome(settings: Any, acme: Enterprise) -> None:
    now = timezone.now()
    for outcome, minutes in (("opened", 1), ("opened", 2), ("refused", 3), ("opened", 30)):
        PortalSession.objects.create(
            enterprise=acme, intent="sso", outcome=outcome, launched_at=now - timedelta(minutes=minutes)
        )

    found = figures(settings)

    assert found['portal_host_launches_recently{outcome="opened"}'] == 2
    assert found['portal_host_launches_recently{outcome="refused"}'] == 1
    assert found['portal_host_launches_recently{outcome="unavailable"}'] == 0


@pytest.mark.django_db(transaction=True)
def test_page_says_that_the_database_is_in_trouble(settings: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE portal_portalsession RENAME TO away")
    try:
        found = figures(settings)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO portal_portalsession")

    assert found == {"portal_host_database_up": 0}


@pytest.mark.django_db
def test_page_reads_a_bounded_number_of_events(settings: Any) -> None:
    """No query of the page scans a table that grows, however many rows it has."""
    now = timezone.now()
    WebhookEvent.objects.bulk_create(
        WebhookEvent(
            event_id=f"event_{number}",
            event="connection.activated",
            issued_at=now,
            received_at=now - timedelta(days=1),
            applied_at=now,
            status="applied",
            payload={},
        )
        for number in range(2000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE webhooks_webhookevent")
    configure(settings)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        scrape()

    queries = [one["sql"] for one in captured if one["sql"].lstrip().startswith(("SELECT", "WITH"))]
    assert 6 <= len(queries) <= 9
    with connection.cursor() as cursor:
        for query in queries:
            cursor.execute(f"EXPLAIN {query}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "Seq Scan on webhooks_webhookevent" not in plan, plan


def test_calls_to_workos_are_counted_by_outcome(workos_api: responses.RequestsMock) -> None:
    def count(outcome: str) -> float:
        samples = next(iter(CALLS.collect())).samples
        labels = {"operation": "get_organization", "outcome": outcome}
        return sum(one.value for one in samples if one.name.endswith("_count") and one.labels == labels)

    before = count("refused"), count("unavailable")
    for answer in (403, 500):
        workos_api.get("https://api.workos.com/organizations/org_1", status=answer, json={})
    with pytest.raises(gateway.Refused):
        gateway.get_organization("org_1")
    with pytest.raises(gateway.Unavailable):
        gateway.get_organization("org_1")

    assert (count("refused"), count("unavailable")) == (before[0] + 1, before[1] + 1)


def scrape_server(server: Server, *headers: str) -> tuple[int, dict[str, float]]:
    answer = server.send(
        request(b"", *headers, method="GET", path="/metrics").replace(b"localhost", b"10.1.2.3")
    )
    return status(answer), read_figures(answer.partition(b"\r\n\r\n")[2].decode())


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("program", ["serve", "receiver"])
def test_processes_are_summed_and_an_ended_one_stays_counted(tmp_path: Path, program: str) -> None:
    body = json.dumps(payload("connection.activated")).encode()
    delivery = request(body, f"WorkOS-Signature: {signed(body)}")
    recorded = 'portal_host_deliveries_total{outcome="recorded"}'
    with serving(
        program=program, WEB_CONCURRENCY="2", METRICS_TOKEN=TOKEN, METRICS_DIR=str(tmp_path)
    ) as server:

        def read() -> dict[str, float]:
            return scrape_server(server, f"Authorization: Bearer {TOKEN}")[1]

        assert scrape_server(server)[0] == 401
        for _ in range(5):
            assert status(server.send(delivery)) == 200
        assert read()[recorded] == 5
        assert read()["portal_host_receiver_queue_share_count"] == 5
        assert read()["portal_host_connections_share_count"] > 5
        ended = server.workers()[0]
        ended.kill()
        wait_until(lambda: not ended.is_running() or ended.status() == "zombie")
        wait_until(lambda: read().get(recorded) == 5)
        assert ("portal_host_database_up" in read()) == (program == "serve")


def test_directory_that_cannot_be_used_is_a_problem_with_a_name(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    result = subprocess.run(
        [sys.executable, "-c", "import hostapp.settings"],
        env={"ENV_FILE": "", "DEBUG": "on", "METRICS_DIR": str(file / "below"), "METRICS_TOKEN": "short"},
        capture_output=True,
        text=True,
    )

    assert "METRICS_DIR cannot be created" in result.stderr
    assert "METRICS_TOKEN must be 16 to 200" in result.stderr
