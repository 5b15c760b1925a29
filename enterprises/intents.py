"""What an IT admin can open the Admin Portal for, and what a plan can include."""

from django.db import models


class Intent(models.TextChoices):
    """WorkOS's names. Its SDK accepts any string, so this is the list of those that we send."""

    SSO = "sso", "Single Sign-On"
    DSYNC = "dsync", "Directory Sync"
    AUDIT_LOGS = "audit_logs", "Audit Logs"
    LOG_STREAMS = "log_streams", "Log Streams"
    DOMAIN_VERIFICATION = "domain_verification", "Domain Verification"
    CERTIFICATE_RENEWAL = "certificate_renewal", "Certificate Renewal"
    BRING_YOUR_OWN_KEY = "bring_your_own_key", "Bring Your Own Key"


# No plan switches these on by themselves. Single Sign-On needs a verified domain, and locks everyone out when
# its certificate expires: those who may set it up must be able to do both.
INCLUDED_WITH = {Intent.DOMAIN_VERIFICATION: Intent.SSO, Intent.CERTIFICATE_RENEWAL: Intent.SSO}


def plan_intents() -> list[str]:
    """The intents that a plan switches on and off."""
    return [intent.value for intent in Intent if intent not in INCLUDED_WITH]


def default_intents() -> list[str]:
    return [Intent.SSO.value, Intent.DSYNC.value]
