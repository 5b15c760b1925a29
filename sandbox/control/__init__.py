"""The control API under /_sandbox, for tests and scripts: JSON in and out, no key."""

from sandbox.control import faults, inspection, simulation  # noqa: F401  (each registers its routes)
from sandbox.control.runtime import BURSTS, Beginning, begin, prepare, routes

__all__ = ["BURSTS", "Beginning", "begin", "prepare", "routes"]
