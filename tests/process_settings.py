"""Settings of a process that a test starts: the tests' own, and the database that the test looks at."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]

# A sandbox that the test has started.
if _sandbox := os.environ.get("TEST_SANDBOX"):
    WORKOS_BASE_URL = _sandbox
