"""What the page says about each intent and each state, for people who set up single sign-on once a year."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from enterprises.intents import Intent
from mirror.models import Certificate, Connection, Directory, MirroredRow, OrganizationDomain

# A text that is translated when it is shown.
Text = str | Promise


_CONTINUE_SETUP = _("Continue setup")
_TEN_MINUTES = _("about 10 min")


# Compared by identity: comparing the texts would translate them.
@dataclass(frozen=True, eq=False)
class IntentWording:
    """An intent in words. `needs` and `duration` say what a person needs, whatever the provider."""

    title: Text
    explanation: Text
    # Labels of the button: for the first time, when something is set up, and when something was begun.
    configure: Text
    manage: Text
    needs: Text
    resume: Text = _CONTINUE_SETUP
    duration: Text = _TEN_MINUTES


INTENT_WORDINGS: Mapping[Intent, IntentWording] = {
    Intent.SSO: IntentWording(
        _("Single sign-on"),
        _("People sign in with your identity provider, such as Okta or Entra ID."),
        _("Configure SSO"),
        _("Manage SSO"),
        _("Admin access to your identity provider."),
    ),
    Intent.DSYNC: IntentWording(
        _("Directory sync"),
        _("Create, update and deactivate people automatically from your directory."),
        _("Configure directory sync"),
        _("Manage directory sync"),
        _("Admin access to your directory."),
    ),
    Intent.DOMAIN_VERIFICATION: IntentWording(
        _("Domains"),
        _("Prove you own your email domains so your people are sent to single sign-on."),
        _("Verify a domain"),
        _("Manage domains"),
        _("Access to your domain’s DNS records, to add one TXT record."),
        _("Continue verification"),
        _("about 5 min; DNS changes can take up to 24 hours"),
    ),
    Intent.AUDIT_LOGS: IntentWording(
        _("Audit logs"),
        _("Search and export what your people did."),
        _("Open audit logs"),
        _("Open audit logs"),
        _("Only your role as IT admin."),
        duration=_("no setup"),
    ),
    Intent.LOG_STREAMS: IntentWording(
        _("Log streams"),
        _("Send audit logs to your own monitoring as they happen."),
        _("Configure log streams"),
        _("Manage log streams"),
        _("Admin access to your monitoring, such as Datadog or Splunk."),
    ),
    Intent.CERTIFICATE_RENEWAL: IntentWording(
        _("Certificate renewal"),
        _("Replace your identity provider’s certificate before it expires."),
        _("Renew certificate"),
        _("Renew certificate"),
        _("Admin access to your identity provider."),
        duration=_("about 5 min"),
    ),
    Intent.BRING_YOUR_OWN_KEY: IntentWording(
        _("Bring your own key"),
        _("Encrypt your data with a key that you hold."),
        _("Configure your key"),
        _("Manage your key"),
        _("Admin access to your key management, such as AWS KMS."),
    ),
}

SSO_IS_OFF = _("Single sign-on is off.")
TURN_ON: Text = _("Turn on again")
UPDATE_CREDENTIALS: Text = _("Update credentials")

# In place of a time in an announcement.
TIME = "{time}"


@dataclass(frozen=True, eq=False)
class StateWording:
    """A state in words. `tone` is `good`, `wait`, `bad` or `off`: a color beside the label, never instead.

    `note` may contain %(provider)s. `announcement` is shown for a minute after the change; it may contain
    %(name)s, of the object, and TIME. It is blank for states that are not announced. `since` precedes the
    date of the state.
    """

    label: Text
    tone: str
    note: Text = ""
    announcement: Text = ""
    since: Text = ""


_CONTINUE = _("Setup was started. Continue where it stopped.")
_GONE = _("It was removed in WorkOS and can’t be restored. You can set up a new one.")
_REMOVED_SINCE = pgettext_lazy("before a date", "Removed")

STATE_WORDINGS: Mapping[type[MirroredRow], Mapping[str, StateWording]] = {
    Connection: {
        Connection.State.REQUIRES_TYPE: StateWording(_("In progress"), "wait", _CONTINUE),
        Connection.State.DRAFT: StateWording(_("In progress"), "wait", _CONTINUE),
        Connection.State.VALIDATING: StateWording(
            _("Validating"), "wait", _("Becomes active with the first sign-in.")
        ),
        Connection.State.ACTIVE: StateWording(
            _("Active"), "good", announcement=_("Single sign-on is active."), since=_("Active since")
        ),
        Connection.State.INACTIVE: StateWording(
            _("Turned off"),
            "bad",
            _("Nobody can sign in with %(provider)s until it’s turned on again."),
            _("Single sign-on was turned off at {time}."),
            _("Off since"),
        ),
        Connection.State.DELETING: StateWording(
            _("Being removed"), "off", _("WorkOS is removing it. Nobody can sign in with %(provider)s.")
        ),
        Connection.State.DELETED: StateWording(
            _("Removed"), "off", _GONE, _("Single sign-on was removed at {time}."), _REMOVED_SINCE
        ),
    },
    Directory: {
        Directory.State.VALIDATING: StateWording(
            _("Validating"), "wait", _("Becomes active when your directory sends its first people.")
        ),
        Directory.State.ACTIVE: StateWording(
            _("Active"), "good", announcement=_("Directory sync is active."), since=_("Active since")
        ),
        Directory.State.INACTIVE: StateWording(
            _("Turned off"),
            "bad",
            _("Directory sync is off. People and groups are kept; changes stop arriving."),
            _("Directory sync was turned off at {time}."),
            _("Off since"),
        ),
        Directory.State.INVALID_CREDENTIALS: StateWording(
            _("Needs attention"),
            "bad",
            _("Your directory refuses the credentials, so changes stop arriving. Enter new ones."),
            _("Your directory refuses the credentials."),
            _("Since"),
        ),
        Directory.State.DELETING: StateWording(
            _("Being removed"), "off", _("WorkOS is removing it. Changes stop arriving.")
        ),
        Directory.State.DELETED: StateWording(
            _("Removed"), "off", _GONE, _("Directory sync was removed at {time}."), _REMOVED_SINCE
        ),
    },
    OrganizationDomain: {
        OrganizationDomain.State.PENDING: StateWording(
            _("Pending verification"),
            "wait",
            _("Add the TXT record shown in the Admin Portal. We check for it automatically."),
            since=pgettext_lazy("before a date", "Added"),
        ),
        OrganizationDomain.State.VERIFIED: StateWording(
            _("Verified"),
            "good",
            announcement=_("%(name)s is verified."),
            since=pgettext_lazy("before a date", "Verified"),
        ),
        # The note is the reason: see explain_domain_failure.
        OrganizationDomain.State.FAILED: StateWording(
            _("Verification failed"),
            "bad",
            announcement=_("%(name)s couldn’t be verified."),
            since=pgettext_lazy("before a date", "Failed"),
        ),
        OrganizationDomain.State.DELETED: StateWording(
            _("Removed"), "off", announcement=_("%(name)s was removed at {time}."), since=_REMOVED_SINCE
        ),
    },
    Certificate: {
        Certificate.State.RENEWAL_REQUIRED: StateWording(_("Needs attention"), "bad"),
        # The time is the end of the new certificate.
        Certificate.State.RENEWED: StateWording(
            _("Renewed"), "good", announcement=_("Certificate renewed. It’s valid until {time}.")
        ),
    },
}

CERTIFICATE_RENEWED = _("Certificate renewed.")

NOT_SET_UP = StateWording(_("Not set up"), "off")
NOT_OPENED = StateWording(_("Not opened yet"), "off")

# Portal sessions.
IN_PROGRESS = StateWording(_("In progress"), "wait")
WAITING = StateWording(_("Waiting for WorkOS"), "wait")
OPENED = StateWording(_("Opened"), "off")
FINISHED = StateWording(_("Finished"), "good")

NO_VERIFIED_DOMAIN = StateWording(
    _("Domain not verified"),
    "wait",
    _("People may not be sent to single sign-on until you verify a domain."),
)

OPENING = _("Opening…")
STILL_WAITING = _("Still waiting for WorkOS…")


def describe_state(row: MirroredRow) -> StateWording:
    return STATE_WORDINGS[type(row)][row.state]


# Why a domain was not verified, and what to do next.
_DOMAIN_FAILURES: Mapping[str, Text] = {
    "": _("WorkOS didn’t find the TXT record. Check it in the Admin Portal and at your DNS provider."),
    "domain_verification_period_expired": _(
        "The TXT record wasn’t found in time. Add it at your DNS provider, then verify the domain again."
    ),
    "domain_verified_by_other_organization": _(
        "Another organization has verified this domain. Check with your colleagues, then contact support."
    ),
}


def explain_domain_failure(reason: str) -> str:
    """`reason` is WorkOS's reason of a domain whose verification failed, or blank."""
    if known := _DOMAIN_FAILURES.get(reason):
        return str(known)
    return gettext("WorkOS gives this reason: %(reason)s.") % {"reason": reason.replace("_", " ")}
