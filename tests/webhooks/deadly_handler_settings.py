"""A worker's settings with `tests.webhooks.deadly_handler` in them."""

from tests.process_settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.webhooks.deadly_handler.DeadlyHandlerConfig"]
