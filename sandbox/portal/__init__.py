"""The portal page: what an IT admin sees behind a Portal Link."""

from sandbox.portal import (  # noqa: F401  (each registers its pages)
    audit_logs,
    certificates,
    destinations,
    domain_pages,
    dsync,
    sso,
)
from sandbox.portal.visits import routes, unknown_page

# Last, so that every page has been asked before it.
routes.get("/portal/{tail:.*}")(unknown_page)

__all__ = ["routes"]
