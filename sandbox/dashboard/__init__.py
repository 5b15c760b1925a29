"""The dashboard under /_sandbox: pages and forms for what the control API does."""

from sandbox.dashboard import forms, pages  # noqa: F401  (each registers its routes)
