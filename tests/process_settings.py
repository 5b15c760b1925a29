"""Settings for a process that a test starts: the tests' settings, on the test's own database."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, WORKOS_BASE_URL

DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
# The sandbox that the test started, if any.
WORKOS_BASE_URL = os.environ.get("TEST_SANDBOX", WORKOS_BASE_URL)
# Write refusals immediately by default: a delayed write could run after the test has ended.
WORKOS_WEBHOOK_REFUSALS_INTERVAL = float(os.environ.get("TEST_REFUSALS_INTERVAL", "0"))
if os.environ.get("TEST_NO_SECRET"):
    WORKOS_WEBHOOK_SECRETS = WORKOS_WEBHOOK_SECRET_NAMES = []
