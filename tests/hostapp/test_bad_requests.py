"""What cannot be looked up or stored is an error in words or 400, and never an error of the server."""

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


def build_lookups(model_admin: Any) -> set[str]:
    lookups = {"q", "p", "o", "e", "_to_field", model_admin.model._meta.pk.name}
    for entry in model_admin.list_filter:
        name = (
            entry
            if isinstance(entry, str)
            else entry[0]
            if isinstance(entry, tuple)
            else entry.parameter_name
        )
        lookups |= {name, f"{name}__exact", f"{name}__isnull", f"{name}__isempty", f"{name}__in"}
    for field in model_admin.model._meta.concrete_fields:
        kind = field.get_internal_type()
        if kind == "DateTimeField":
            lookups |= {f"{field.name}__year", f"{field.name}__gte"}
        elif kind in ("GenericIPAddressField", "UUIDField", "ForeignKey", "BooleanField"):
            lookups.add(field.name)
    return lookups


@pytest.mark.parametrize("page", [model._meta.label_lower for model in admin.site._registry])
def test_no_address_of_the_administration_is_an_error_of_the_server(page: str, staff: Client) -> None:
    model, model_admin = next(
        (model, found) for model, found in admin.site._registry.items() if model._meta.label_lower == page
    )
    base = reverse(f"admin:{page.replace('.', '_')}_changelist")
    tried = {("get", base): status_of(staff, "get", base)}
    for value in ODD_VALUES:
        addresses = [f"{base}?{lookup}={value}" for lookup in sorted(build_lookups(model_admin))]
        addresses += [f"{base}{value}/change/", f"{base}{value}/history/", f"{base}{value}/delete/"]
        tried |= {("get", address): status_of(staff, "get", address) for address in addresses}
        for action in map(str, model_admin.actions or []):
            data = {"action": action, "_selected_action": [unquote(value)]}
            tried[action, value] = status_of(staff, "post", base, data)
            tried[action, f"?{value}"] = status_of(
                staff, "post", f"{base}?{model._meta.pk.name}={value}", {**data, "_selected_action": ["1"]}
            )

    assert len(tried) > 10
    assert tried["get", base] == 200
    assert {key: status for key, status in tried.items() if status >= 500} == {}


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
