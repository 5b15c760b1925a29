"""When to try again."""

import random
from datetime import timedelta


def retry_delay(attempts: int, *, first: timedelta, longest: timedelta) -> timedelta:
    """The delay after `attempts` failures: doubled each time, and varied so that retries spread out."""
    delay: timedelta = min(first * 2 ** min(attempts - 1, 20), longest)
    return delay * random.uniform(0.75, 1.25)  # noqa: S311 - not a secret
