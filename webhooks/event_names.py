"""The names of the events that have a handler. Plain Python; a test holds it equal to `handlers.HANDLERS`."""

HANDLED_EVENTS = (
    "connection.activated",
    "connection.deactivated",
    "connection.deleted",
    "connection.saml_certificate_renewal_required",
    "connection.saml_certificate_renewed",
    "dsync.activated",
    "dsync.deactivated",
    "dsync.deleted",
    "dsync.group.created",
    "dsync.group.deleted",
    "dsync.group.updated",
    "dsync.group.user_added",
    "dsync.group.user_removed",
    "dsync.user.created",
    "dsync.user.deleted",
    "dsync.user.updated",
    "organization.created",
    "organization.deleted",
    "organization.updated",
    "organization_domain.created",
    "organization_domain.deleted",
    "organization_domain.updated",
    "organization_domain.verification_failed",
    "organization_domain.verified",
)

# Some environments send dsync.deactivated, but WorkOS does not know its name: an endpoint cannot subscribe to
# it, and it may refuse a request for events that names it.
SUBSCRIBED_EVENTS = tuple(name for name in HANDLED_EVENTS if name != "dsync.deactivated")

# Why an event of any other name is ignored.
NO_HANDLER = "No handler is needed for it."

# Sent by `manage.py doctor` through the public URL, and by nobody else.
PROBE_EVENT = "portal_host.probe"
