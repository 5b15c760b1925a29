"""No slug, token or intent can make an address that another page has."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from enterprises.models import Enterprise
from hostapp.models import User
from tests.conftest import signed_in
from tests.factories import create_enterprise

# Pages of Django's that ours stand before, on purpose.
REPLACED = {"administration_login", "login", "password_change", "password_reset", "password_reset_confirm"}
# No token is a word: they are 43 random characters.
NOT_A_TOKEN = {("join", "invitation")}


def list_patterns(
    resolver: Any, prefix: tuple[Any, ...] = ()
) -> Iterator[tuple[tuple[Any, ...], URLPattern]]:
    for entry in resolver.url_patterns:
        path = (*prefix, entry.pattern)
        if isinstance(entry, URLResolver):
            yield from list_patterns(entry, path)
        else:
            yield path, entry


def matches(path: tuple[Any, ...], address: str) -> bool:
    for pattern in path:
        found = pattern.match(address)
        if found is None:
            return False
        address = found[0]
    return address == ""


def test_addresses_of_different_pages_cannot_meet() -> None:
    patterns = [
        (path, entry)
        for path, entry in list_patterns(get_resolver())
        # The administration has a page for what it does not know.
        if "admin/" not in str(path[0])
    ]
    fixed = [(path, entry) for path, entry in patterns if not any(part.regex.groups for part in path)]
    assert len(fixed) > 8

    meeting = {
        (entry.name, other.name)
        for path, entry in fixed
        for other_path, other in patterns
        if other is not entry and matches(other_path, "".join(str(part) for part in path))
    }

    assert {names for names in meeting if names[0] not in REPLACED} == NOT_A_TOKEN


@pytest.mark.parametrize("slug", ["new", "provision", "provision-enterprise", "accept"])
def test_enterprise_of_any_name_has_its_pages(slug: str, sam: User) -> None:
    enterprise: Enterprise = create_enterprise(slug.title(), slug, f"org_{slug}")

    for page in (reverse("staff:customer", args=[slug]), enterprise.get_absolute_url()):
        assert page.count(slug) == 1
    assert f"<h1>{slug.title()}" in signed_in(sam).get(reverse("staff:customer", args=[slug])).text
