#!/usr/bin/env python
"""Django's command line, for this project's settings."""

import os
import sys


def main() -> None:
    if sys.argv[1:2] == ["demo"]:
        # Always the sandbox, whatever .env and the shell say: it has settings of its own.
        os.environ["DJANGO_SETTINGS_MODULE"] = "hostapp.demo_settings"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hostapp.settings")

    if "--help" in sys.argv or "-h" in sys.argv:
        # Nothing is done, so nothing has to be set.
        os.environ.setdefault("DEBUG", "on")
        os.environ.setdefault("SECRET_KEY", "help")

    try:
        from django.core.management import execute_from_command_line  # noqa: PLC0415 - to explain its absence
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
