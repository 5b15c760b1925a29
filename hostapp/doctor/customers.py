"""Offline: problems of customers that need support or an IT admin, as the mirror shows them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from enterprises.intents import Intent
from enterprises.models import Enterprise, Failure
from hostapp.doctor.findings import Finding, failed, ok
from mirror.models import (
    Certificate,
    CertificateState,
    Connection,
    ConnectionState,
    Directory,
    DirectoryState,
    MirroredRow,
    OrganizationDomain,
    OrganizationDomainState,
)

Row = TypeVar("Row", bound=MirroredRow)

# Of each kind, so that a report stays short.
_MAX_SHOWN = 20
_RECENT = timedelta(days=7)
_LINK_SETTING = "WORKOS_LINK_HOSTS"


def check_customers(now: datetime) -> Iterator[Finding]:
    findings = [
        *_find_expired_certificates(now),
        *_find_broken_directories(),
        *_find_unverified_domains(),
        *_find_missing_intents(),
        *_find_refused_provisioning(),
        *_find_untrusted_links(now),
    ]
    yield from findings or [ok("customers", "None has a problem that needs you.")]


def _find_expired_certificates(now: datetime) -> Iterator[Finding]:
    # A certificate row exists once WorkOS asked for its renewal.
    is_in_use = Exists(
        Connection.objects.filter(state=ConnectionState.ACTIVE, connection_id=OuterRef("connection_id"))
    )
    expired = Certificate.objects.filter(is_in_use, expires_at__lt=now).exclude(
        state=CertificateState.RENEWED
    )
    for one in _of_customers(expired):
        yield failed(
            "customers.certificate",
            f"{_name(one)}: the SAML certificate of {one.connection_id} expired on "
            f"{one.expires_at:%Y-%m-%d}. Nobody there can sign in through it.",
            "Ask an IT admin to open Certificate renewal on their page, or send a setup link for it.",
        )


def _find_broken_directories() -> Iterator[Finding]:
    broken = _of_customers(
        Directory.objects.filter(state__in=[DirectoryState.INACTIVE, DirectoryState.INVALID_CREDENTIALS])
    )
    for one in broken:
        yield failed(
            "customers.directory",
            f"{_name(one)}: the directory {one.directory_id} is {one.get_state_display().lower()}. "
            "Changes to its people do not arrive.",
            "Ask an IT admin to open Directory sync on their page and connect it again.",
        )


def _find_unverified_domains() -> Iterator[Finding]:
    """Verification failed, or people already sign in through SSO, which needs a verified domain."""
    is_in_use = Exists(
        Connection.objects.filter(state=ConnectionState.ACTIVE, organization=OuterRef("organization"))
    )
    rows = OrganizationDomain.objects.filter(
        Q(state=OrganizationDomainState.FAILED) | Q(is_in_use, state=OrganizationDomainState.PENDING),
        organization__enterprise__intents__contains=[Intent.SSO],
    )
    for one in _of_customers(rows):
        yield failed(
            "customers.domain",
            f"{_name(one)}: the domain {one.domain} is not verified ({one.get_state_display().lower()}). "
            "Single sign-on needs a verified domain.",
            "Ask an IT admin to open Domain verification and to compare the DNS record.",
        )


def _find_missing_intents() -> Iterator[Finding]:
    for model, intent, dead in (
        (Connection, Intent.SSO, [ConnectionState.DELETED]),
        (Directory, Intent.DSYNC, [DirectoryState.DELETED, DirectoryState.DELETING]),
    ):
        rows = model.objects.exclude(state__in=dead).exclude(
            organization__enterprise__intents__contains=[intent]
        )
        for one in _of_customers(rows):
            yield failed(
                "customers.plan",
                f"{_name(one)}: has a {model._meta.verbose_name}, but its plan does not include "
                f"{intent.label.lower()}. Its IT admins cannot open it.",
                "Add it to the plan on the customer's staff page (Settings), or have it removed in WorkOS.",
            )


def _find_refused_provisioning() -> Iterator[Finding]:
    for one in (
        Enterprise.objects.exclude(attention="").filter(deprovisioned_at=None).order_by("slug")[:_MAX_SHOWN]
    ):
        yield failed(
            "customers.provisioning",
            f"{one.name} ({one.slug}): WorkOS refused to provision it: {one.attention}",
            f"Remove the cause, then press Retry on the staff page of {one.slug} (Provisioning).",
        )


def _find_untrusted_links(now: datetime) -> Iterator[Finding]:
    refused = Failure.objects.filter(at__gt=now - _RECENT, message__contains=_LINK_SETTING)
    for origin in settings.WORKOS_LINK_ORIGINS:
        # It was added since.
        refused = refused.exclude(message__contains=f" {origin},")
    if newest := refused.select_related("enterprise").order_by("-at").first():
        yield failed(
            "customers.link_host",
            f"Portal Links were refused, the last one at {newest.at:%Y-%m-%d %H:%M} UTC for "
            f"{newest.enterprise.name}: {newest.message}",
            f"If the host is your custom domain for the Admin Portal, add it to {_LINK_SETTING} and restart.",
        )


def _of_customers(rows: "QuerySet[Row]") -> "list[Row]":
    kept = rows.filter(
        organization__enterprise__isnull=False, organization__enterprise__deprovisioned_at=None
    )
    return list(
        kept.select_related("organization__enterprise").order_by("organization__enterprise__slug")[
            :_MAX_SHOWN
        ]
    )


def _name(row: MirroredRow) -> str:
    enterprise = row.organization.enterprise
    return f"{enterprise.name} ({enterprise.slug})"
