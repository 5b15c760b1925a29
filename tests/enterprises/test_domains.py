"""Domain names are normalized, and unusable ones are rejected."""

import pytest

from enterprises.domains import InvalidDomain, normalise_domain


@pytest.mark.parametrize(
    ("typed", "domain"),
    [
        ("acme.example", "acme.example"),
        (" ACME.Example. ", "acme.example"),
        ("https://www.acme.example/team?x=1", "acme.example"),
        ("acme.example:8080", "acme.example"),
        ("ada@acme.example", "acme.example"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("eu.acme.example", "eu.acme.example"),
    ],
)
def test_domain_is_normalized_to_one_form(typed: str, domain: str) -> None:
    assert normalise_domain(typed) == domain
    assert normalise_domain(domain) == domain


@pytest.mark.parametrize(
    "typed", ["", "acme", "a b.example", "127.0.0.1", "[::1]", "..", "-.example", "a" * 300]
)
def test_invalid_domain_is_rejected(typed: str) -> None:
    with pytest.raises(InvalidDomain, match="not a domain name"):
        normalise_domain(typed)


@pytest.mark.parametrize("typed", ["gmail.com", "www.GMAIL.com", "outlook.com"])
def test_public_mail_provider_is_rejected_with_its_reason(typed: str) -> None:
    with pytest.raises(InvalidDomain, match="public mail provider"):
        normalise_domain(typed)
