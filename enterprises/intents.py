"""What an IT admin can open the Admin Portal for, and what a plan can include."""

from django.db import models
from django.utils.translation import gettext_lazy


class Intent(models.TextChoices):
    """WorkOS's names. Its SDK accepts any string, so this is the list of those that we send."""

    SSO = "sso", gettext_lazy("Single sign-on")
    DSYNC = "dsync", gettext_lazy("Directory sync")
    AUDIT_LOGS = "audit_logs", gettext_lazy("Audit logs")
    LOG_STREAMS = "log_streams", gettext_lazy("Log streams")
    DOMAIN_VERIFICATION = "domain_verification", gettext_lazy("Domain verification")
    CERTIFICATE_RENEWAL = "certificate_renewal", gettext_lazy("Certificate renewal")
    BRING_YOUR_OWN_KEY = "bring_your_own_key", gettext_lazy("Bring your own key")


# No plan switches these on by themselves. Single Sign-On needs a verified domain, and locks everyone out when
# its certificate expires: those who may set it up must be able to do both.
INCLUDED_WITH = {Intent.DOMAIN_VERIFICATION: Intent.SSO, Intent.CERTIFICATE_RENEWAL: Intent.SSO}


def plan_intents() -> list[str]:
    """The intents that a plan switches on and off."""
    return [intent.value for intent in Intent if intent not in INCLUDED_WITH]


def default_intents() -> list[str]:
    return [Intent.SSO.value, Intent.DSYNC.value]
