"""What the page says about each intent and each state, for people who set up Single Sign-On once a year."""

from collections.abc import Mapping
from dataclasses import dataclass

from enterprises.intents import Intent
from mirror.models import Certificate, Connection, Directory, MirroredRow, OrganizationDomain


@dataclass(frozen=True)
class IntentWording:
    """An intent in words. `requirements` and `duration` are shown next to the button."""

    title: str
    explanation: str
    # Labels of the button: for the first time, and when something is set up already.
    configure: str
    manage: str
    requirements: str
    duration: str = "about ten minutes"


INTENT_WORDINGS: Mapping[Intent, IntentWording] = {
    Intent.SSO: IntentWording(
        "Single Sign-On",
        "People sign in with your identity provider, such as Okta or Entra ID.",
        "Configure SSO",
        "Manage SSO",
        "an administrator’s rights at your identity provider",
    ),
    Intent.DSYNC: IntentWording(
        "Directory Sync",
        "People and groups come and go with your directory.",
        "Configure Directory Sync",
        "Manage Directory Sync",
        "an administrator’s rights at your directory provider",
    ),
    Intent.DOMAIN_VERIFICATION: IntentWording(
        "Domains",
        "Proof that your company owns its domains.",
        "Verify a domain",
        "Manage domains",
        "access to the DNS records of your domain",
        "five minutes, and up to a day until DNS has spread the record",
    ),
    Intent.AUDIT_LOGS: IntentWording(
        "Audit logs",
        "What your people did here, to look through and to export.",
        "Open audit logs",
        "Open audit logs",
        "nothing but your role here",
        "as long as you read",
    ),
    Intent.LOG_STREAMS: IntentWording(
        "Log streams",
        "Audit logs, sent on to your own monitoring as they happen.",
        "Configure log streams",
        "Manage log streams",
        "an administrator’s rights at your monitoring, such as Datadog or Splunk",
    ),
    Intent.CERTIFICATE_RENEWAL: IntentWording(
        "Certificate renewal",
        "A new certificate of your identity provider, before the old one ends.",
        "Renew certificate",
        "Renew certificate",
        "an administrator’s rights at your identity provider",
        "about five minutes",
    ),
    Intent.BRING_YOUR_OWN_KEY: IntentWording(
        "Bring your own key",
        "Your data, encrypted with a key that you hold.",
        "Configure your key",
        "Manage your key",
        "an administrator’s rights at your key management, such as AWS KMS",
    ),
}


@dataclass(frozen=True)
class StateWording:
    """A state in words. `tone` is `good`, `wait`, `bad` or `off`: a color beside the label, never instead.

    `became` finishes a sentence such as “Single Sign-On …”. It is blank for states that are not announced.
    """

    label: str
    tone: str
    note: str = ""
    became: str = ""


_CONTINUE = "It goes on where it stopped."
_GONE = "It was removed at WorkOS and cannot come back; a new one can be set up."

STATE_WORDINGS: Mapping[type[MirroredRow], Mapping[str, StateWording]] = {
    Connection: {
        Connection.State.REQUIRES_TYPE: StateWording("Set-up begun", "wait", _CONTINUE),
        Connection.State.DRAFT: StateWording("Set-up begun", "wait", _CONTINUE),
        Connection.State.VALIDATING: StateWording(
            "Validating", "wait", "Becomes active with the first sign-in."
        ),
        Connection.State.ACTIVE: StateWording("Active", "good", became="became active"),
        Connection.State.INACTIVE: StateWording(
            "Deactivated",
            "bad",
            "Somebody turned it off: nobody can sign in through it. The Admin Portal turns it on again.",
            "was deactivated",
        ),
        Connection.State.DELETING: StateWording(
            "Being removed", "off", "WorkOS is removing it. Nobody can sign in through it."
        ),
        Connection.State.DELETED: StateWording("Removed", "off", _GONE, "was removed"),
    },
    Directory: {
        Directory.State.VALIDATING: StateWording(
            "Validating", "wait", "Becomes active when your directory has sent its first people."
        ),
        Directory.State.ACTIVE: StateWording("Active", "good", became="became active"),
        Directory.State.INACTIVE: StateWording(
            "Deactivated",
            "bad",
            "It is not linked now: people and groups stay as they are, and changes do not arrive.",
            "was deactivated",
        ),
        Directory.State.INVALID_CREDENTIALS: StateWording(
            "Needs attention",
            "bad",
            "Your directory refuses the credentials. Enter new ones in the Admin Portal.",
        ),
        Directory.State.DELETING: StateWording(
            "Being removed", "off", "WorkOS is removing it. Changes in your directory do not arrive."
        ),
        Directory.State.DELETED: StateWording("Removed", "off", _GONE, "was removed"),
    },
    OrganizationDomain: {
        OrganizationDomain.State.PENDING: StateWording(
            "Not verified yet",
            "wait",
            "Add the DNS record that the Admin Portal shows; WorkOS then looks for it by itself.",
        ),
        OrganizationDomain.State.VERIFIED: StateWording("Verified", "good", became="was verified"),
        # The note is the reason: see explain_failure.
        OrganizationDomain.State.FAILED: StateWording("Verification failed", "bad"),
        OrganizationDomain.State.DELETED: StateWording("Removed", "off", became="was removed"),
    },
    Certificate: {
        Certificate.State.RENEWAL_REQUIRED: StateWording(
            "Needs attention",
            "bad",
            "When it has expired nobody can sign in through it. Renewing takes about five minutes.",
        ),
        Certificate.State.RENEWED: StateWording("Renewed", "good", became="was done"),
    },
}

NOT_SET_UP = StateWording("Not set up", "off")
NOT_OPENED = StateWording("Not opened yet", "off")

# Portal sessions.
STARTED = StateWording("Started", "wait")
WAITING = StateWording("Waiting for WorkOS", "wait")
OPENED = StateWording("Opened", "off")
FINISHED = StateWording("Finished", "good", "The Admin Portal shows how it stands now.")

NO_VERIFIED_DOMAIN = (
    "None of your domains is verified: WorkOS cannot tell by an address who belongs to you, so people may "
    "not be led to this sign-in until one is."
)


def describe_state(row: MirroredRow) -> StateWording:
    return STATE_WORDINGS[type(row)][row.state]


# WorkOS's identifiers that do not give the provider's name when taken apart.
_PROVIDERS = {
    "AzureSAML": "Entra ID SAML",
    "GenericSAML": "SAML",
    "GenericOIDC": "OpenID Connect",
    "GoogleSAML": "Google SAML",
    "GoogleOAuth": "Google",
    "MicrosoftOAuth": "Microsoft",
    "OktaSAML": "Okta SAML",
    "OktaOIDC": "Okta OpenID Connect",
    "EntraIdOIDC": "Entra ID OpenID Connect",
    "OneLoginSAML": "OneLogin SAML",
    "PingFederateSAML": "PingFederate SAML",
    "PingOneSAML": "PingOne SAML",
    "JumpCloudSAML": "JumpCloud SAML",
    "ADFSSAML": "AD FS SAML",
    "azure scim v2.0": "Entra ID SCIM",
    "okta scim v2.0": "Okta SCIM",
    "gsuite directory": "Google Workspace",
    "generic scim v2.0": "SCIM",
}


def name_provider(provider_type: str) -> str:
    """`OktaSAML` → “Okta SAML”. Types that we do not know are shown as WorkOS spells them."""
    spelled = provider_type.replace("SAML", " SAML").replace(" scim v2.0", " SCIM")
    return _PROVIDERS.get(provider_type, spelled)


# Why a domain was not verified, and what to do next.
_FAILURE_REASONS = {
    "": "WorkOS did not find the DNS record, and gives no reason. Look at it in the Admin Portal.",
    "domain_verification_period_expired": (
        "The DNS record was not found in the time given. Add it at your DNS provider, then verify again."
    ),
    "domain_verified_by_other_organization": (
        "Another organization has proved that it owns this domain. Ask your colleagues, then us."
    ),
}


def explain_failure(reason: str) -> str:
    """`reason` is WorkOS's reason of a domain whose verification failed, or blank."""
    return _FAILURE_REASONS.get(reason, f"WorkOS gives this reason: {reason.replace('_', ' ')}.")
