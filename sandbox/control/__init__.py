"""The control API under /_sandbox, for tests and scripts: JSON in and out, without an API key."""

from sandbox.control import (  # noqa: F401  (each registers its routes)
    faults,
    inspection,
    people,
    runtime,
    saved_states,
    simulation,
    webhooks,
)
