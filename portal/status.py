"""What is known of an enterprise's set-up, in plain words."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from enterprises.intents import Intent
from enterprises.models import Certificate, Connection, Directory, Enterprise, OrganizationDomain
from portal.models import PortalSession


@dataclass(frozen=True)
class Line:
    """One object: `tone` is `good`, `wait`, `bad` or `off`, and goes with the word, never instead of it."""

    word: str
    tone: str
    text: str
    since: datetime | None = None
    note: str = ""


@dataclass(frozen=True)
class Section:
    intent: Intent
    action: str
    explanation: str
    lines: list[Line] = field(default_factory=list)

    @property
    def waiting(self) -> bool:
        return any(line.word == WAITING for line in self.lines)


WAITING = "Waiting for WorkOS"
# Who changed nothing over there is not waited for for ever.
_PATIENCE = timedelta(minutes=10)

_TONES = {
    "active": "good",
    "verified": "good",
    "validating": "wait",
    "requires_type": "wait",
    "draft": "wait",
    "pending": "wait",
    "inactive": "bad",
    "invalid_credentials": "bad",
    "failed": "bad",
    "deleting": "off",
    "deleted": "off",
}

_NOTES = {
    "validating": "Becomes active with the first sign-in.",
    "requires_type": "Set-up was begun and not finished. You can go on where it stopped.",
    "draft": "Set-up was begun and not finished. You can go on where it stopped.",
    "inactive": "People cannot use it now. Open the Admin Portal to see why.",
    "invalid_credentials": "The directory refuses the credentials. Enter new ones in the Admin Portal.",
}


def sections(enterprise: Enterprise, *, now: datetime) -> list[Section]:
    connections = list(Connection.objects.filter(enterprise=enterprise).order_by("-as_of"))
    directories = list(Directory.objects.filter(enterprise=enterprise).order_by("-as_of"))
    certificates = {
        certificate.connection_id: certificate
        for certificate in Certificate.objects.filter(enterprise=enterprise, renewal_required=True)
    }
    return [
        Section(
            Intent.SSO,
            "Configure SSO",
            "People sign in with your identity provider, such as Okta or Entra ID.",
            _with_visit(
                enterprise,
                Intent.SSO,
                [
                    _line(row, row.connection_type, _certificate_note(certificates.get(row.connection_id)))
                    for row in connections
                ],
                [row.as_of for row in connections],
                now,
            ),
        ),
        Section(
            Intent.DSYNC,
            "Configure Directory Sync",
            "People and groups come and go with your directory.",
            _with_visit(
                enterprise,
                Intent.DSYNC,
                [_line(row, row.directory_type) for row in directories],
                [row.as_of for row in directories],
                now,
            ),
        ),
    ]


def domains(enterprise: Enterprise) -> list[Line]:
    known = OrganizationDomain.objects.filter(enterprise=enterprise).exclude(
        state=OrganizationDomain.State.DELETED
    )
    return [
        Line(row.get_state_display(), _TONES[row.state], row.domain, note=row.reason.replace("_", " "))
        for row in known.order_by("domain")
    ]


def _line(row: Connection | Directory, kind: str, note: str = "") -> Line:
    return Line(
        word="Needs attention" if note else row.get_state_display(),
        tone="bad" if note else _TONES[row.state],
        text=" · ".join(part for part in (kind, row.name) if part),
        since=row.as_of,
        note=note or _NOTES.get(row.state, ""),
    )


def _certificate_note(certificate: Certificate | None) -> str:
    if certificate is None:
        return ""
    if certificate.expires_at is None:
        return "Its certificate must be renewed."
    return f"Its certificate expires on {certificate.expires_at:%d %B %Y}. Renew it before then."


def _with_visit(
    enterprise: Enterprise, intent: Intent, lines: list[Line], told: list[datetime], now: datetime
) -> list[Line]:
    """Say that we wait, when somebody came back and WorkOS has not spoken since they left."""
    visit = (
        PortalSession.objects.filter(
            enterprise=enterprise,
            intent=intent,
            outcome=PortalSession.Outcome.OPENED,
            finished_at__gt=now - _PATIENCE,
        )
        .order_by("-launched_at")
        .first()
    )
    if visit and visit.finished_at and not any(as_of >= visit.launched_at for as_of in told):
        waiting = Line(
            WAITING,
            "wait",
            "",
            visit.finished_at,
            "You finished in the Admin Portal; its news is on the way.",
        )
        return [waiting, *lines]
    return lines
