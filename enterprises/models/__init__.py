"""The customers, what WorkOS has told us about them, and what must still be told to WorkOS."""

from enterprises.models.customers import Enterprise, Invitation, Membership
from enterprises.models.errand import Errand
from enterprises.models.history import HistoryEntry
from enterprises.models.notice import Notice
from enterprises.models.setup_link import SetupLink
from enterprises.models.told import Certificate, Connection, Directory, Fact, OrganizationDomain

__all__ = [
    "Certificate",
    "Connection",
    "Directory",
    "Enterprise",
    "Errand",
    "Fact",
    "HistoryEntry",
    "Invitation",
    "Membership",
    "Notice",
    "OrganizationDomain",
    "SetupLink",
]
