"""What each intent is, in words for somebody who does this once a year: before they leave, and after."""

from dataclasses import dataclass

from enterprises.intents import Intent


@dataclass(frozen=True)
class Guide:
    """`begin`, `manage` label the button; `rights` and `takes` are said before it is pressed."""

    title: str
    explanation: str
    begin: str
    manage: str
    rights: str
    takes: str = "about ten minutes"


GUIDES = {
    Intent.SSO: Guide(
        "Single Sign-On",
        "People sign in with your identity provider, such as Okta or Entra ID.",
        "Configure SSO",
        "Manage SSO",
        "an administrator’s rights at your identity provider",
    ),
    Intent.DSYNC: Guide(
        "Directory Sync",
        "People and groups come and go with your directory.",
        "Configure Directory Sync",
        "Manage Directory Sync",
        "an administrator’s rights at your directory provider",
    ),
    Intent.DOMAIN_VERIFICATION: Guide(
        "Domains",
        "Proof that your company owns its domains.",
        "Verify a domain",
        "Manage domains",
        "access to the DNS records of your domain",
        "five minutes, and up to a day until DNS has spread the record",
    ),
    Intent.AUDIT_LOGS: Guide(
        "Audit logs",
        "What your people did here, to look through and to export.",
        "Open audit logs",
        "Open audit logs",
        "nothing but your role here",
        "as long as you read",
    ),
    Intent.LOG_STREAMS: Guide(
        "Log streams",
        "Audit logs, sent on to your own monitoring as they happen.",
        "Configure log streams",
        "Manage log streams",
        "an administrator’s rights at your monitoring, such as Datadog or Splunk",
    ),
    Intent.CERTIFICATE_RENEWAL: Guide(
        "Certificate renewal",
        "A new certificate of your identity provider, before the old one ends.",
        "Renew certificate",
        "Renew certificate",
        "an administrator’s rights at your identity provider",
        "about five minutes",
    ),
    Intent.BRING_YOUR_OWN_KEY: Guide(
        "Bring your own key",
        "Your data, encrypted with a key that you hold.",
        "Configure your key",
        "Manage your key",
        "an administrator’s rights at your key management, such as AWS KMS",
    ),
}

# WorkOS's identifiers of providers, where taking them apart would not give the name.
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


def provider(kind: str) -> str:
    """`OktaSAML` → “Okta SAML”. What we do not know is shown as WorkOS spells it."""
    return _PROVIDERS.get(kind) or kind.replace("SAML", " SAML").replace(" scim v2.0", " SCIM")


# Why a domain was not verified, and what to do next.
_FAILURES = {
    "domain_verification_period_expired": (
        "The DNS record was not found in the time given. Add it at your DNS provider, then verify again."
    ),
    "domain_verified_by_other_organization": (
        "Another organization has proved that it owns this domain. Ask your colleagues, then us."
    ),
}


def failure(reason: str) -> str:
    if not reason:
        return "WorkOS did not find the DNS record, and gives no reason. Look at it in the Admin Portal."
    return _FAILURES.get(reason) or f"WorkOS gives this reason: {reason.replace('_', ' ')}."
