"""The control API under /_sandbox, for tests and scripts: JSON in and out, no key."""

from sandbox.control import faults, inspection, simulation  # noqa: F401  (each registers its routes)
from sandbox.control.runtime import BURSTS, InitialState, add_control_state, apply_initial_state, routes

__all__ = ["BURSTS", "InitialState", "add_control_state", "apply_initial_state", "routes"]
