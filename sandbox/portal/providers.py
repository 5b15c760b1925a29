"""Identity and directory providers, with the setup steps and the fields of each."""

from dataclasses import dataclass

SAML_STEPS = (
    ("Create the application", "In {name}, add a new SAML 2.0 application for your organization."),
    ("Copy our addresses", "Paste the two addresses below into the application's settings."),
    ("Assign people", "Choose who may sign in: a test user at first, then everyone."),
)
OIDC_STEPS = (
    ("Register the application", "In {name}, register a web application that uses OpenID Connect."),
    ("Copy our redirect address", "Allow the redirect address below."),
    ("Assign people", "Choose who may sign in: a test user at first, then everyone."),
)
SCIM_STEPS = (
    ("Turn provisioning on", "In {name}, open the application's provisioning settings and choose SCIM 2.0."),
    (
        "Copy the endpoint and the token",
        "Paste both values below. The token works like a password: keep it private.",
    ),
    ("Assign users and groups", "Assign those that should be kept in step, then test the connection."),
)
CONSENT_STEPS = (
    ("Sign in as an administrator", "You need an administrator's account of {name}."),
    ("Allow access", "Allow reading users and groups. Nothing is ever changed in your directory."),
    ("Choose groups", "All groups are kept in step unless you limit them in {name}."),
)


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    label: str
    example: str
    hint: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Provider:
    type: str
    name: str
    description: str
    steps: tuple[tuple[str, str], ...]
    fields: tuple[Field, ...] = ()

    def build_setup_steps(self) -> list[tuple[str, str]]:
        return [(title, text.format(name=self.name)) for title, text in self.steps]


def _build_metadata_url_field(example: str) -> Field:
    return Field(
        "metadata_url",
        "IdP metadata URL",
        example,
        "We read sign-on address and certificate from here.",
        "url",
    )


def _build_saml_provider(type_: str, name: str, description: str, example: str) -> Provider:
    return Provider(type_, name, description, SAML_STEPS, (_build_metadata_url_field(example),))


def _build_oidc_provider(type_: str, name: str, description: str, issuer: str) -> Provider:
    return Provider(
        type_,
        name,
        description,
        OIDC_STEPS,
        (
            Field("client_id", "Client ID", "0oa1example2client3id", "From the application you registered."),
            Field("client_secret", "Client secret", "example-client-secret", "Shown once, when it is made."),
            Field("discovery_endpoint", "Discovery endpoint", issuer, "Ends in openid-configuration.", "url"),
        ),
    )


CONNECTION_PROVIDERS = (
    _build_saml_provider(
        "OktaSAML", "Okta", "SAML 2.0", "https://acme.okta.example/app/exk1example/sso/saml/metadata"
    ),
    _build_saml_provider(
        "AzureSAML",
        "Microsoft Entra ID",
        "SAML 2.0, formerly Azure AD",
        "https://login.microsoftonline.com/example-tenant/federationmetadata/2007-06/federationmetadata.xml",
    ),
    _build_saml_provider(
        "GoogleSAML",
        "Google Workspace",
        "SAML 2.0",
        "https://accounts.google.com/o/saml2/idp?idpid=C01example",
    ),
    _build_saml_provider(
        "OneLoginSAML", "OneLogin", "SAML 2.0", "https://app.onelogin.com/saml/metadata/example"
    ),
    _build_saml_provider(
        "JumpCloudSAML", "JumpCloud", "SAML 2.0", "https://sso.jumpcloud.com/saml2/example/metadata"
    ),
    _build_saml_provider(
        "PingOneSAML", "PingOne", "SAML 2.0", "https://auth.pingone.com/example/saml20/metadata"
    ),
    _build_saml_provider(
        "ADFSSAML", "AD FS", "SAML 2.0", "https://adfs.example.com/FederationMetadata/2007-06/metadata.xml"
    ),
    _build_saml_provider(
        "KeycloakSAML", "Keycloak", "SAML 2.0", "https://id.example.com/realms/acme/protocol/saml/descriptor"
    ),
    _build_saml_provider(
        "GenericSAML", "Custom SAML", "Any SAML 2.0 provider", "https://idp.example.com/saml/metadata"
    ),
    _build_oidc_provider(
        "GenericOIDC",
        "Custom OpenID Connect",
        "Any OpenID Connect provider",
        "https://idp.example.com/.well-known/openid-configuration",
    ),
)

DIRECTORY_PROVIDERS = (
    Provider("okta scim v2.0", "Okta", "SCIM 2.0", SCIM_STEPS),
    Provider("azure scim v2.0", "Microsoft Entra ID", "SCIM 2.0, formerly Azure AD", SCIM_STEPS),
    Provider("gsuite directory", "Google Workspace", "Signs in with Google", CONSENT_STEPS),
    Provider("onelogin scim v2.0", "OneLogin", "SCIM 2.0", SCIM_STEPS),
    Provider("jump cloud scim v2.0", "JumpCloud", "SCIM 2.0", SCIM_STEPS),
    Provider("pingfederate scim v2.0", "PingFederate", "SCIM 2.0", SCIM_STEPS),
    Provider("cyberark scim v2.0", "CyberArk", "SCIM 2.0", SCIM_STEPS),
    Provider("rippling scim v2.0", "Rippling", "SCIM 2.0", SCIM_STEPS),
    Provider("generic scim v2.0", "Custom SCIM", "Any SCIM 2.0 provider", SCIM_STEPS),
)


def get_connection_provider(type_: str) -> Provider:
    """The provider of this type. A type that is not listed, as a seed may have, is treated as custom SAML."""
    for provider in CONNECTION_PROVIDERS:
        if provider.type == type_:
            return provider
    return _build_saml_provider(type_, type_, "SAML 2.0", "https://idp.example.com/saml/metadata")


def get_directory_provider(type_: str) -> Provider:
    for provider in DIRECTORY_PROVIDERS:
        if provider.type == type_:
            return provider
    return Provider(type_, type_, "SCIM 2.0", SCIM_STEPS)
