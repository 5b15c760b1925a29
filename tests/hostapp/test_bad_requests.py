"""What cannot be looked up or stored is an error in words or 400, and never an error of the server."""

from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import quote, unquote

import pytest
from django.contrib import admin
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from enterprises.models import Enterprise
from hostapp.models import User
from tests import factories
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db

ODD_VALUES = [
    "%00",
    "a%00b",
    "99999999999999999999",
    "9" * 400,
    "-1",
    "%5B",
    "%2F%2F%E2%84%80",
    "%FF",
    "nan",
    "99999-01-01",
]


@pytest.fixture
def staff(sam: User, acme: Enterprise, ada: User) -> Client:
    """A superuser, who sees a row on most pages."""
    for create in (factories.create_connection, factories.create_directory, factories.create_domain):
        create(acme)
    factories.create_portal_session(acme, ada)
    factories.create_setup_link(acme, ada)
    sam.is_superuser = True
    sam.save()
    client = signed_in(sam)
    client.raise_request_exception = False
    return client


def status_of(client: Client, method: str, address: str, data: Any = None) -> int:
    """The status of the answer. What the request did to the database is undone."""
    savepoint = transaction.savepoint()
    status: int = getattr(client, method)(address, data).status_code
    transaction.savepoint_rollback(savepoint)
    connection.needs_rollback = False
    return status


Kind = tuple[str, ...]


def find_type(model: Any, path: str) -> str:
    """The type of the field that a search or filter looks at."""
    name, _, rest = path.lstrip("^=@").partition("__")
    field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    if rest and field.is_relation:
        return find_type(field.related_model, rest)
    return str(field.get_internal_type())


def find_kinds(model_admin: Any) -> dict[str, Kind]:
    """Each parameter of the list, with what reads it: Django's code for a type of field, or code of ours."""
    model = model_admin.model
    meta = model._meta
    kinds: dict[str, Kind] = {name: (name,) for name in ("p", "o", "e", "_to_field")}
    kinds["q"] = ("q", *sorted({find_type(model, path) for path in model_admin.search_fields}))
    kinds[meta.pk.name] = ("exact", meta.pk.get_internal_type())
    for entry in model_admin.list_filter:
        # A class is a filter of ours.
        if not isinstance(entry, str | tuple):
            name, kind = entry.parameter_name, entry.__qualname__
        else:
            name, reader = (entry, "") if isinstance(entry, str) else (entry[0], entry[1].__qualname__)
            kind = find_type(model, name) + reader
        kinds |= {
            f"{name}{lookup}": (lookup, kind) for lookup in ("", "__exact", "__isnull", "__isempty", "__in")
        }
    for field in meta.concrete_fields:
        kind = field.get_internal_type()
        if kind == "DateTimeField":
            kinds |= {f"{field.name}{lookup}": (lookup, kind) for lookup in ("__year", "__gte")}
        elif kind in ("GenericIPAddressField", "UUIDField", "ForeignKey", "BooleanField"):
            kinds[field.name] = ("exact", kind)
    return kinds


def list_requests(page: str) -> Iterator[tuple[Kind, str, str, Any]]:
    """What is asked of one list: what reads it, method, address and data, with {value} for the odd value."""
    model_admin = ADMINS[page]
    base = reverse(f"admin:{page.replace('.', '_')}_changelist")
    key = model_admin.model._meta.pk
    for lookup, kind in sorted(find_kinds(model_admin).items()):
        yield kind, "get", f"{base}?{lookup}={{value}}", None
    for view in ("change", "history", "delete"):
        method = getattr(type(model_admin), f"{view}_view").__qualname__
        kind = (method, type(model_admin).get_object.__qualname__, key.get_internal_type())
        yield kind, "get", f"{base}{{value}}/{view}/", None
    for action in map(str, model_admin.actions or []):
        data = {"action": action}
        yield (action, page), "post", base, {**data, "_selected_action": ["{value}"]}
        yield (action, page), "post", f"{base}?{key.name}={{value}}", {**data, "_selected_action": ["1"]}


ADMINS: dict[str, Any] = {model._meta.label_lower: found for model, found in admin.site._registry.items()}
VALUES_OF_EACH = 3


@cache
def choose_values() -> dict[str, list[tuple[str, str, Any, list[str]]]]:
    """The requests of each list with their values.

    Every list gets every parameter and every value. Each kind of parameter gets every value: on one list, or
    in turn on several.
    """
    by_kind: dict[Kind, list[tuple[str, str, str, Any]]] = {}
    for page in ADMINS:
        for kind, *asked in list_requests(page):
            by_kind.setdefault(kind, []).append((page, *asked))
    chosen: dict[str, list[tuple[str, str, Any, list[str]]]] = {page: [] for page in ADMINS}
    for requests in by_kind.values():
        count = max(VALUES_OF_EACH, -(-len(ODD_VALUES) // len(requests)))
        for number, (page, method, address, data) in enumerate(requests):
            values = [ODD_VALUES[(number * count + one) % len(ODD_VALUES)] for one in range(count)]
            chosen[page].append((method, address, data, values))
    for asked in chosen.values():
        tried = {value for *_, values in asked for value in values}
        asked[0][-1].extend(value for value in ODD_VALUES if value not in tried)
    return chosen


@pytest.mark.parametrize("page", ADMINS)
def test_no_address_of_the_administration_is_an_error_of_the_server(page: str, staff: Client) -> None:
    base = reverse(f"admin:{page.replace('.', '_')}_changelist")
    assert status_of(staff, "get", base) == 200
    statuses = {}
    for method, address, data, values in choose_values()[page]:
        for value in values:
            filled = data and {
                name: [unquote(value) if one == "{value}" else one for one in given]
                if isinstance(given, list)
                else given
                for name, given in data.items()
            }
            path = address.replace("{value}", value)
            statuses[path, str(filled)] = status_of(staff, method, path, filled)

    assert len(statuses) > 10
    assert {key: status for key, status in statuses.items() if status >= 500} == {}


PAGES = [
    "/staff/enterprises/",
    "/staff/provision-enterprise/",
    "/staff/enterprises/acme-inc/",
    "/staff/enterprises/acme-inc/activity/",
    "/staff/enterprises/acme-inc/people/",
    "/staff/enterprises/acme-inc/settings/",
    "/enterprises/acme-inc/history/",
    "/enterprises/acme-inc/history/export/",
    "/enterprises/acme-inc/members/",
    "/enterprises/acme-inc/setup-links/",
    "/",
    "/account/login/",
    "/account/password_reset/",
    "/invitations/accept/",
]
PARAMETERS = ["page", "action", "person", "since", "until", "next", "state", "anything"]


@pytest.mark.parametrize("address", PAGES)
def test_no_parameter_of_a_page_is_an_error_of_the_server(address: str, staff: Client, ada: User) -> None:
    client = signed_in(ada) if address.startswith("/enterprises") else staff
    client.raise_request_exception = False
    statuses = {
        (name, value): status_of(client, "get", f"{address}?{name}={value}")
        for name in PARAMETERS
        for value in ODD_VALUES
    }

    assert {key: status for key, status in statuses.items() if status >= 500} == {}
    assert {status for (_, value), status in statuses.items() if "%00" in value} == {400}


ODD_TEXTS = [
    "[",
    "]",
    "//℀",
    "http://[::1",
    "http://[",
    "\0",
    "a\0b.example",
    "a" * 300,
    "a." * 150 + "example",
    "\ud83d",
    f"{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 30}.example",
    "99999-12-31",
    "9" * 5000,
    "\n",
    "\u2028",
    "＝1",
    "gmail.com。",
]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_no_text_in_a_staff_form_is_an_error_of_the_server(text: str, staff: Client, workos_api: Any) -> None:
    typed = text.encode("utf-8", "replace").decode()
    new = {"name": "Birch", "slug": "birch", "domains": "birch.example", "it_admin": "cleo@birch.example"}
    change = {"name": "Acme", "domains": "acme.example", "intents": "sso"}
    statuses = {}
    for address, form in (
        ("/staff/provision-enterprise/", new),
        ("/staff/enterprises/acme-inc/settings/", change),
        ("/staff/enterprises/acme-inc/deprovision/", {"typed": "birch"}),
    ):
        for name in form:
            statuses[address, name] = status_of(staff, "post", address, {**form, name: typed})
    for address in ("enterprises", "enterprises/acme-inc", "enterprises/acme-inc/provision"):
        statuses[address, "path"] = status_of(staff, "get", f"/staff/{address}{quote(typed)}/")

    assert {key: status for key, status in statuses.items() if status >= 500} == {}


def test_domain_of_the_greatest_length_is_pushed_to_workos(staff: Client, acme: Enterprise) -> None:
    domain = ".".join(["a" * 60, "b" * 60, "c" * 60, "d" * 60, "example"])
    form = {"name": "Acme Inc.", "domains": domain, "intents": "sso"}

    assert staff.post("/staff/enterprises/acme-inc/settings/", form).status_code == 302
    acme.refresh_from_db()
    assert acme.requested_domains == [domain]
