"""The rules for Prometheus: each fires when it should, reads metrics that exist, and is explained."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from prometheus_client import REGISTRY

from enterprises.models import Enterprise
from hostapp.receiver_settings import MetricsConfig
from outbox.models import Task
from tests.hostapp.test_metrics import record
from tests.programs import require_program
from webhooks.models import RefusalCount

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "deploy" / "alerts.yml"
ALERTS = re.findall(r"- alert: (\w+)", RULES.read_text())


def names_in_rules() -> set[str]:
    return set(re.findall(r"portal_host_\w+", RULES.read_text()))


def names_on_page(text: str) -> Iterator[str]:
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE):
        yield name
        if kind == "histogram":
            yield from (f"{name}_{part}" for part in ("bucket", "count", "sum"))


@pytest.mark.django_db
def test_every_metric_in_a_rule_is_on_the_page(settings: Any, acme: Enterprise) -> None:
    settings.METRICS = MetricsConfig("token-of-the-tests", [], "", [])
    Task.objects.get_or_create(kind="provision", subject=acme.external_id, due_at="2026-01-01T00:00Z")
    record(1, status="applied", applied_at="2026-01-01T00:00Z")
    RefusalCount.objects.create(reason="too_old", slot=0, minute="2026-01-01T00:00Z", count=1)

    page = Client().get("/metrics", headers={"authorization": "Bearer token-of-the-tests"}).content.decode()

    # Those of processes are on the page of one that has METRICS_DIR; here they are in this process.
    processes = {
        f"{metric.name}{suffix}"
        for metric in REGISTRY.collect()
        for suffix in ("", "_total", "_bucket", "_count", "_sum")
        if metric.name.startswith("portal_host_")
    }
    assert names_in_rules() - set(names_on_page(page)) - processes == set()


def test_every_alert_is_explained() -> None:
    headings = re.findall(r"^### (\w+)$", (ROOT / "docs" / "alerts.md").read_text(), re.MULTILINE)

    assert headings == ALERTS
    assert len(ALERTS) > 10


@pytest.fixture
def promtool() -> str:
    return require_program("promtool", "prometheus")


def test_rules_are_valid(promtool: str) -> None:
    result = subprocess.run([promtool, "check", "rules", str(RULES)], capture_output=True, text=True)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
def test_each_rule_fires_when_it_should(promtool: str, tmp_path: Path) -> None:
    cases = (ROOT / "tests" / "alerts.yml").read_text()
    assert all(cases.count(f"alertname: {alert}, exp_alerts") == 1 for alert in ALERTS)
    file = tmp_path / "cases.yml"
    file.write_text(cases.replace("RULES", str(RULES)))

    result = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True)

    assert result.returncode == 0, result.stdout + result.stderr
