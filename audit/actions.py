"""The actions in the audit log, with their labels."""

from django.db import models
from django.utils.translation import gettext_lazy


class Action(models.TextChoices):
    # Not the column's choices: a new action needs no migration, and one that was removed is still shown.
    PROVISIONED = "provisioned", gettext_lazy("Provisioned")
    LINKED = "linked", gettext_lazy("Linked to an organization")
    PROVISIONING_REFUSED = "provisioning_refused", gettext_lazy("Provisioning refused")
    RENAMED = "renamed", gettext_lazy("Renamed")
    DOMAIN_ADDED = "domain_added", gettext_lazy("Domain added")
    DOMAIN_REMOVED = "domain_removed", gettext_lazy("Domain removed")
    PLAN_CHANGED = "plan_changed", gettext_lazy("Plan changed")
    DEPROVISIONED = "deprovisioned", gettext_lazy("Deprovisioned")
    TASK_RETRIED = "task_retried", gettext_lazy("Task retried")
    INVITED = "invited", gettext_lazy("Invited")
    INVITATION_RESENT = "invitation_resent", gettext_lazy("Invitation sent again")
    INVITATION_REVOKED = "invitation_revoked", gettext_lazy("Invitation revoked")
    INVITATION_ACCEPTED = "invitation_accepted", gettext_lazy("Invitation accepted")
    ROLE_CHANGED = "role_changed", gettext_lazy("Role changed")
    MEMBER_REMOVED = "member_removed", gettext_lazy("Member removed")
    USER_DEACTIVATED = "user_deactivated", gettext_lazy("Account deactivated")
    ACCESS_ENDED = "access_ended", gettext_lazy("Access ended")
    PORTAL_OPENED = "portal_opened", gettext_lazy("Admin Portal opened")
    PORTAL_RETURNED = "portal_returned", gettext_lazy("Returned from the Admin Portal")
    PORTAL_FINISHED = "portal_finished", gettext_lazy("Admin Portal finished")
    PORTAL_LINK_CREATED = "portal_link_created", gettext_lazy("Portal link created by support")
    PORTAL_LINKS_REVOKED = "portal_links_revoked", gettext_lazy("Portal links revoked")
    SETUP_LINK_SENT = "setup_link_sent", gettext_lazy("Setup link sent")
    SETUP_LINK_REVOKED = "setup_link_revoked", gettext_lazy("Setup link revoked")
    CONNECTION_ACTIVATED = "connection_activated", gettext_lazy("Connection activated")
    CONNECTION_DEACTIVATED = "connection_deactivated", gettext_lazy("Connection deactivated")
    CONNECTION_REMOVED = "connection_removed", gettext_lazy("Connection removed")
    DIRECTORY_ACTIVATED = "directory_activated", gettext_lazy("Directory activated")
    DIRECTORY_DEACTIVATED = "directory_deactivated", gettext_lazy("Directory deactivated")
    DIRECTORY_REMOVED = "directory_removed", gettext_lazy("Directory removed")
    SHORT_LIST_ACCEPTED = "short_list_accepted", gettext_lazy("Much smaller directory accepted by support")
    DOMAIN_VERIFIED = "domain_verified", gettext_lazy("Domain verified")
    DOMAIN_VERIFICATION_FAILED = "domain_verification_failed", gettext_lazy("Domain verification failed")
    EVENT_REPLAYED = "event_replayed", gettext_lazy("WorkOS event replayed")
    EVENT_RETRIED = "event_retried", gettext_lazy("WorkOS event retried")
    CERTIFICATE_EXPIRES = "certificate_expires", gettext_lazy("Certificate expires")
    CERTIFICATE_RENEWED = "certificate_renewed", gettext_lazy("Certificate renewed")


# For a list of choices: label and actions of each group.
ACTION_GROUPS = (
    (
        gettext_lazy("Members"),
        (
            Action.INVITED,
            Action.INVITATION_RESENT,
            Action.INVITATION_REVOKED,
            Action.INVITATION_ACCEPTED,
            Action.ROLE_CHANGED,
            Action.MEMBER_REMOVED,
            Action.USER_DEACTIVATED,
            Action.ACCESS_ENDED,
        ),
    ),
    (
        gettext_lazy("Admin Portal"),
        (
            Action.PORTAL_OPENED,
            Action.PORTAL_RETURNED,
            Action.PORTAL_FINISHED,
            Action.PORTAL_LINK_CREATED,
            Action.PORTAL_LINKS_REVOKED,
            Action.SETUP_LINK_SENT,
            Action.SETUP_LINK_REVOKED,
        ),
    ),
    (
        gettext_lazy("Single sign-on"),
        (
            Action.CONNECTION_ACTIVATED,
            Action.CONNECTION_DEACTIVATED,
            Action.CONNECTION_REMOVED,
            Action.CERTIFICATE_EXPIRES,
            Action.CERTIFICATE_RENEWED,
        ),
    ),
    (
        gettext_lazy("Directory sync"),
        (
            Action.DIRECTORY_ACTIVATED,
            Action.DIRECTORY_DEACTIVATED,
            Action.DIRECTORY_REMOVED,
            Action.SHORT_LIST_ACCEPTED,
        ),
    ),
    (
        gettext_lazy("Domains"),
        (
            Action.DOMAIN_ADDED,
            Action.DOMAIN_REMOVED,
            Action.DOMAIN_VERIFIED,
            Action.DOMAIN_VERIFICATION_FAILED,
        ),
    ),
    (
        gettext_lazy("Company"),
        (
            Action.PROVISIONED,
            Action.LINKED,
            Action.PROVISIONING_REFUSED,
            Action.RENAMED,
            Action.PLAN_CHANGED,
            Action.DEPROVISIONED,
            Action.TASK_RETRIED,
            Action.EVENT_REPLAYED,
            Action.EVENT_RETRIED,
        ),
    ),
)
