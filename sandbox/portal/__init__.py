"""The Admin Portal: the pages that an IT admin reaches with a Portal Link."""

from sandbox.portal import (  # noqa: F401  (each registers its pages)
    audit_logs,
    certificate_renewal,
    destinations,
    domain_verification,
    dsync,
    sso,
)
from sandbox.portal.sessions import routes, show_unknown_page

# Registered last: it matches every path.
routes.get("/portal/{tail:.*}")(show_unknown_page)

__all__ = ["routes"]
