"""The dashboard under /_sandbox: pages that show the sandbox's state, and forms that change it."""

from sandbox.dashboard import forms, pages  # noqa: F401  (each registers its routes)
