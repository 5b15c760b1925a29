"""Normalise domains that people type."""

from urllib.parse import urlsplit

import idna

# Anyone can have an address there, so it proves nothing about a company.
PUBLIC_MAIL_PROVIDERS = frozenset(
    [
        "aol.com",
        "fastmail.com",
        "free.fr",
        "gmail.com",
        "gmx.at",
        "gmx.ch",
        "gmx.com",
        "gmx.de",
        "gmx.net",
        "googlemail.com",
        "hey.com",
        "hotmail.co.uk",
        "hotmail.com",
        "hotmail.de",
        "hotmail.fr",
        "icloud.com",
        "laposte.net",
        "libero.it",
        "live.co.uk",
        "live.com",
        "mac.com",
        "mail.com",
        "mail.ru",
        "me.com",
        "msn.com",
        "naver.com",
        "orange.fr",
        "outlook.com",
        "outlook.de",
        "posteo.de",
        "proton.me",
        "protonmail.com",
        "qq.com",
        "rediffmail.com",
        "t-online.de",
        "web.de",
        "yahoo.co.jp",
        "yahoo.co.uk",
        "yahoo.com",
        "yahoo.de",
        "yahoo.fr",
        "yandex.com",
        "yandex.ru",
        "zoho.com",
        "126.com",
        "163.com",
    ]
)


class InvalidDomain(ValueError):
    """The message tells the person who typed it what is wrong."""


def normalise_domain(typed: str) -> str:
    """`https://WWW.Bücher.example./team` → `xn--bcher-kva.example`. Raises InvalidDomain."""
    text = typed.strip()
    host = urlsplit(text if "//" in text else f"//{text}").netloc.rpartition("@")[2].partition(":")[0]
    try:
        domain = idna.encode(host.rstrip("."), uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        raise InvalidDomain(f"“{text}” is not a domain name, such as acme.example.") from None
    domain = domain.removeprefix("www.")
    if "." not in domain or domain.rpartition(".")[2].isdigit():
        raise InvalidDomain(f"“{text}” is not a domain name, such as acme.example.")
    if domain in PUBLIC_MAIL_PROVIDERS:
        raise InvalidDomain(f"{domain} is a public mail provider: anyone can have an address there.")
    return domain
