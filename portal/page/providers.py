"""Identity and directory providers: their names, what a person needs there, and WorkOS's guides."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from enterprises.intents import Intent

GUIDES_URL = "https://workos.com/docs/integrations"

_TEN_MINUTES = _("about 10 min")


# Compared by identity: comparing the texts would translate them.
@dataclass(frozen=True, eq=False)
class Provider:
    """`name` includes the protocol, `brand` does not: “Okta SAML”, “Okta”. A blank `guide` means none."""

    name: str | Promise
    brand: str
    guide: str = ""
    needs: str | Promise = ""
    duration: str | Promise = _TEN_MINUTES

    @property
    def guide_url(self) -> str:
        return f"{GUIDES_URL}/{self.guide}" if self.guide else ""


_OKTA_ADMIN = _("A super admin or app admin of Okta")
_ENTRA_ADMIN = _("A Cloud Application Administrator of Entra ID")
_GOOGLE_ADMIN = _("A super admin of Google Workspace")
_ADMIN = _("An admin of your identity provider")
_DIRECTORY_ADMIN = _("An admin of your directory")
_GOOGLE_DURATION = _("about 10 min; Google can take up to 24 hours to apply changes")
_ENTRA_SYNC_DURATION = _("about 10 min; Entra ID syncs every 40 min")
_GOOGLE_SYNC_DURATION = _("about 5 min; Google Workspace syncs every 30 min")

# By WorkOS's identifiers, of connections and of directories. The first ones are the best known.
PROVIDERS: Mapping[str, Provider] = {
    "OktaSAML": Provider("Okta SAML", "Okta", "okta-saml", _OKTA_ADMIN),
    "AzureSAML": Provider("Entra ID SAML", "Entra ID", "entra-id-saml", _ENTRA_ADMIN),
    "GoogleSAML": Provider("Google SAML", "Google", "google-saml", _GOOGLE_ADMIN, _GOOGLE_DURATION),
    "OneLoginSAML": Provider("OneLogin SAML", "OneLogin", "onelogin-saml", _("An admin of OneLogin")),
    "JumpCloudSAML": Provider("JumpCloud SAML", "JumpCloud", "jumpcloud-saml", _("An admin of JumpCloud")),
    "ADFSSAML": Provider("AD FS SAML", "AD FS", "microsoft-ad-fs-saml", _("An admin of the AD FS server")),
    "PingOneSAML": Provider("PingOne SAML", "PingOne", "pingone-saml", _("An admin of PingOne")),
    "PingFederateSAML": Provider(
        "PingFederate SAML", "PingFederate", "pingfederate-saml", _("An admin of PingFederate")
    ),
    "KeycloakSAML": Provider("Keycloak SAML", "Keycloak", "keycloak-saml", _("An admin of the realm")),
    "GenericSAML": Provider("SAML", "", "saml", _ADMIN),
    "OktaOIDC": Provider("Okta OpenID Connect", "Okta", "okta-oidc", _OKTA_ADMIN),
    "EntraIdOIDC": Provider("Entra ID OpenID Connect", "Entra ID", "entra-id-oidc", _ENTRA_ADMIN),
    "GoogleOIDC": Provider("Google OpenID Connect", "Google", "google-oidc", _GOOGLE_ADMIN),
    "GenericOIDC": Provider("OpenID Connect", "", "oidc", _ADMIN),
    "GoogleOAuth": Provider("Google", "Google"),
    "MicrosoftOAuth": Provider("Microsoft", "Microsoft"),
    "okta scim v2.0": Provider("Okta SCIM", "Okta", "okta-scim", _OKTA_ADMIN),
    "azure scim v2.0": Provider(
        "Entra ID SCIM", "Entra ID", "entra-id-scim", _ENTRA_ADMIN, _ENTRA_SYNC_DURATION
    ),
    "gsuite directory": Provider(
        "Google Workspace", "Google", "google-directory-sync", _GOOGLE_ADMIN, _GOOGLE_SYNC_DURATION
    ),
    "onelogin scim v2.0": Provider("OneLogin SCIM", "OneLogin", "onelogin-scim", _("An admin of OneLogin")),
    "jump cloud scim v2.0": Provider(
        "JumpCloud SCIM", "JumpCloud", "jumpcloud-scim", _("An admin of JumpCloud")
    ),
    "pingfederate scim v2.0": Provider(
        "PingFederate SCIM", "PingFederate", "pingfederate-scim", _("An admin of PingFederate")
    ),
    "cyberark scim v2.0": Provider("CyberArk SCIM", "CyberArk", "cyberark-scim", _("An admin of CyberArk")),
    "rippling scim v2.0": Provider("Rippling SCIM", "Rippling", "rippling-scim", _("An admin of Rippling")),
    "generic scim v2.0": Provider("SCIM", "", "scim", _DIRECTORY_ADMIN),
}

# The providers that a person chooses from most often, while theirs is not known.
COMMON: Mapping[Intent, tuple[Provider, ...]] = {
    Intent.SSO: tuple(
        PROVIDERS[known]
        for known in ("OktaSAML", "AzureSAML", "GoogleSAML", "OneLoginSAML", "JumpCloudSAML", "GenericSAML")
    ),
    Intent.DSYNC: tuple(
        PROVIDERS[known]
        for known in (
            "okta scim v2.0",
            "azure scim v2.0",
            "gsuite directory",
            "onelogin scim v2.0",
            "jump cloud scim v2.0",
            "generic scim v2.0",
        )
    ),
}


def get_provider(provider_type: str) -> Provider:
    """Types that we do not know are shown as WorkOS spells them."""
    if known := PROVIDERS.get(provider_type):
        return known
    brand = provider_type.removesuffix(" scim v2.0")
    brand = brand.removesuffix("SAML").removesuffix("OIDC") or brand
    spelled = provider_type.replace("SAML", " SAML").replace(" scim v2.0", " SCIM")
    return Provider(spelled, brand)
