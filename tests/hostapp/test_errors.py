"""While the database is away, read-only or not migrated, pages answer 503 in words, and then recover."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client

from hostapp.errors import is_database_unusable
from hostapp.models import User
from tests.conftest import signed_in

PASSWORD = "correct horse battery"


@pytest.fixture
def read_only_database(transactional_db: None) -> Iterator[None]:
    """The server accepts no writes, as after a failover."""
    name = connection.ops.quote_name(str(connection.settings_dict["NAME"]))
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    connection.close()
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
        cursor.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    connection.close()


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def assert_unavailable(response: object) -> None:
    assert (response.status_code, response["Retry-After"]) == (503, "10")  # type: ignore[attr-defined,index]
    assert "We’re having a problem with our database" in response.text  # type: ignore[attr-defined]


@pytest.mark.django_db(transaction=True)
def test_sign_in_on_a_read_only_database_is_unavailable(
    ada: User, read_only_database: None, client: Client
) -> None:
    response = client.post("/account/login/", {"username": ada.email, "password": PASSWORD})

    assert_unavailable(response)


@pytest.mark.django_db(transaction=True)
def test_pages_are_unavailable_while_the_database_is_away(
    ada: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(ada)
    connection.close()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "NAME", "a_database_that_does_not_exist")
        for path in ("/", "/enterprises/acme-inc/", "/admin/", "/account/password_change/", "/nowhere/"):
            assert_unavailable(client.get(path))
        connection.close()

    # The next request opens a new connection.
    assert client.get("/enterprises/acme-inc/").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement", ["DROP TABLE hostapp_session CASCADE", "DROP TABLE hostapp_user CASCADE"]
)
def test_pages_are_unavailable_before_the_tables_exist(ada: User, statement: str) -> None:
    client = signed_in(ada)
    client.raise_request_exception = False
    with connection.cursor() as cursor:
        # PostgreSQL drops no table whose new rows still wait for their check.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)

    assert_unavailable(client.get("/"))


def test_other_errors_do_not_count_as_an_unusable_database() -> None:
    assert not is_database_unusable(ValueError("no"))
    assert not is_database_unusable(None)
