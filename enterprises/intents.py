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


# These have no switch of their own. Single Sign-On is inert without a verified domain and locks everybody out
# when its certificate expires: who may set it up must be able to do both; who may not has no use for them.
COMES_WITH = {Intent.DOMAIN_VERIFICATION: Intent.SSO, Intent.CERTIFICATE_RENEWAL: Intent.SSO}


def sold() -> list[str]:
    """Those that a plan switches on and off."""
    return [intent.value for intent in Intent if intent not in COMES_WITH]


def included_by_default() -> list[str]:
    return [Intent.SSO.value, Intent.DSYNC.value]
