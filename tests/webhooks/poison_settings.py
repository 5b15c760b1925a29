"""A worker's settings with `tests.webhooks.poison` in them."""

from tests.process_settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.webhooks.poison.PoisonConfig"]
