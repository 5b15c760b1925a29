"""The dashboard: pages that show the sandbox's state, and forms that change it."""

from sandbox.dashboard import (  # noqa: F401  (each registers its routes)
    directories,
    fault_submissions,
    forms,
    pages,
    runtime_forms,
    webhook_forms,
)
