"""Our customers, their people, and the notifications they were sent."""

from enterprises.models.customers import (
    AccessGrant,
    Enterprise,
    Invitation,
    Membership,
    ProvisioningState,
    Role,
    parse_external_id,
)
from enterprises.models.it_contact import ITContact, ITContactPurpose
from enterprises.models.mail import RateLimitCount, UndeliverableAddress
from enterprises.models.notification import Notification, NotificationKind, NotificationOptOut

__all__ = [
    "AccessGrant",
    "Enterprise",
    "ITContact",
    "ITContactPurpose",
    "Invitation",
    "Membership",
    "Notification",
    "NotificationKind",
    "NotificationOptOut",
    "ProvisioningState",
    "RateLimitCount",
    "Role",
    "UndeliverableAddress",
    "parse_external_id",
]
