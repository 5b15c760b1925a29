"""Settings of a process that a test starts: the tests' own, and the database that the test looks at."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, WORKOS_BASE_URL

DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
# A sandbox that the test has started.
WORKOS_BASE_URL = os.environ.get("TEST_SANDBOX", WORKOS_BASE_URL)
# At once by default: what is written behind an answer would meet the end of the test.
WORKOS_WEBHOOK_REFUSALS_INTERVAL = float(os.environ.get("TEST_REFUSALS_INTERVAL", "0"))
if os.environ.get("TEST_NO_SECRET"):
    WORKOS_WEBHOOK_SECRETS = WORKOS_WEBHOOK_SECRET_NAMES = []
