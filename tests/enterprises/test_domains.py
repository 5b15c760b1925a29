import pytest

from enterprises.domains import InvalidDomain, normalise


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
def test_one_domain_has_one_form(typed: str, domain: str) -> None:
    assert normalise(typed) == domain
    assert normalise(domain) == domain


@pytest.mark.parametrize(
    "typed", ["", "acme", "a b.example", "127.0.0.1", "[::1]", "..", "-.example", "a" * 300]
)
def test_what_is_no_domain_is_said_to_be_none(typed: str) -> None:
    with pytest.raises(InvalidDomain, match="not a domain name"):
        normalise(typed)


@pytest.mark.parametrize("typed", ["gmail.com", "www.GMAIL.com", "outlook.com"])
def test_a_public_mail_provider_is_refused_with_the_reason(typed: str) -> None:
    with pytest.raises(InvalidDomain, match="public mail provider"):
        normalise(typed)
