"""The control room under /_sandbox: an HTTP API for tests and scripts, and pages for people."""

from sandbox.control import forms, happenings, looking, ordering, pages  # noqa: F401  (each registers its routes)
from sandbox.control.room import BURSTS, Beginning, begin, prepare, routes

__all__ = ["BURSTS", "Beginning", "begin", "prepare", "routes"]
