"""The dashboard: pages that show the sandbox's state, and forms that change it."""

from sandbox.dashboard import directories, forms, pages  # noqa: F401  (each registers its routes)
