"""Domain names are normalized, and unusable ones are rejected."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.one_line import fold_to_one_line
from enterprises.domains import InvalidDomain, normalize_domain


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
        ("acme.example。", "acme.example"),
        ("ａｃｍｅ．example", "acme.example"),
        ("acme.example／team", "acme.example"),
        ("acme.example\\team", "acme.example"),
        ("//acme.example:8080/team", "acme.example"),
        ("www.www.acme.example", "acme.example"),
        ("www.example", "www.example"),
        ("www.co.uk", "www.co.uk"),
        ("acme.github.io", "acme.github.io"),
        (
            f"{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 30}.example",
            f"{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 30}.example",
        ),
    ],
)
def test_domain_is_normalized_to_one_form(typed: str, domain: str) -> None:
    assert normalize_domain(typed) == domain
    assert normalize_domain(domain) == domain


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "acme",
        "a b.example",
        "127.0.0.1",
        "[::1]",
        "..",
        "-.example",
        "a" * 300,
        "[",
        "]",
        "[acme.example]",
        "acme.example]",
        "//℀",
        "http://[::1",
        "http://[acme",
        "acme..example",
        "acme.example。。",
        "\0",
        "acme\0.example",
        "acme\n.example",
        "a" * 64 + ".example",
        "a." * 130 + "example",
        "℀",
        "@",
        ":",
        "//",
        "http://",
        "acme.example%00",
        "%00",
        "acme_inc.example",
        "\ud800.example",
        "a.example," * 200,
    ],
)
def test_invalid_domain_is_rejected(typed: str) -> None:
    with pytest.raises(InvalidDomain, match="not a domain name"):
        normalize_domain(typed)


@pytest.mark.parametrize(
    "typed", ["com", "com.", "CO.UK", "github.io", "https://co.uk/", "kobe.jp", "co.uk。"]
)
def test_public_suffix_is_rejected_with_its_reason(typed: str) -> None:
    with pytest.raises(
        InvalidDomain, match="public suffix" if "." in typed.strip("./。") else "not a domain"
    ):
        normalize_domain(typed)


@given(st.text() | st.text("[]:/@.%wacme\0。／℀", max_size=30))
def test_any_text_is_a_normal_domain_or_rejected_in_words(typed: str) -> None:
    try:
        domain, sentence = normalize_domain(typed), ""
    except InvalidDomain as error:
        domain, sentence = "acme.example", str(error)

    assert fold_to_one_line(sentence) == sentence
    assert len(sentence) < 400
    assert normalize_domain(domain) == domain
    assert len(domain) <= 253
    assert re.fullmatch(r"[a-z0-9.-]+", domain)


@pytest.mark.parametrize(
    "typed",
    [
        "gmail.com",
        "www.GMAIL.com",
        "outlook.com",
        "gmail.com。",
        "gmail.com.",
        "ｇｍａｉｌ.com",
        "ada@gmail.com",
        "gmail。com",
        "mail.gmail.com",
        "proton.me",
        "tuta.com",
        "web.de",
        "qq.com",
        "hotmail.co.uk",
        "yahoo.co.jp",
        "hey.com",
    ],
)
def test_public_mail_provider_is_rejected_with_its_reason(typed: str) -> None:
    with pytest.raises(InvalidDomain, match="public mail provider"):
        normalize_domain(typed)
