"""The portal page: what an IT admin sees behind a Portal Link."""

from sandbox.portal import (  # noqa: F401  (each registers its pages)
    audit_logs,
    certificate_renewal,
    destinations,
    domain_verification,
    dsync,
    sso,
)
from sandbox.portal.sessions import routes, unknown_page

# Last, so that every page has been asked before it.
routes.get("/portal/{tail:.*}")(unknown_page)

__all__ = ["routes"]
