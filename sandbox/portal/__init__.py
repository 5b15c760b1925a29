"""The portal page: what an IT admin sees behind a Portal Link."""

from sandbox.portal import (  # noqa: F401  (each registers its pages)
    audit_logs,
    certificates,
    destinations,
    domain_pages,
    dsync,
    sso,
)
from sandbox.portal.visits import routes

__all__ = ["routes"]
