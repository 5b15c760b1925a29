from collections.abc import Iterator
from typing import Any

import pytest

from enterprises import gateway
from sandbox.client import Sandbox


@pytest.fixture
def workos(sandbox: Sandbox, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """The sandbox in WorkOS's place, for us and for the processes that we start."""
    settings.WORKOS_BASE_URL = sandbox.url
    monkeypatch.setenv("TEST_SANDBOX", sandbox.url)
    gateway.client.cache_clear()
    gateway.client()
    yield sandbox
    gateway.client().close()
    gateway.client.cache_clear()
