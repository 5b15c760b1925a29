"""A Portal Link…"""

import http.client
from urllib.parse import urlsplit

import pytest
from workos import NotFoundError, UnprocessableEntityError, WorkOSClient

from sandbox.client import Sandbox


def opened(link: str) -> http.client.HTTPResponse:
    """The answer to the link itself, without following it."""
    parts = urlsplit(link)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=10)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    answer.body = answer.read().decode()  # type: ignore[attr-defined]
    connection.close()
    return answer


def link_for(workos: WorkOSClient, *, intent: str = "sso", return_url: str | None = None) -> str:
    acme = workos.organizations.create_organization(name="Acme")
    link = workos.admin_portal.generate_link(organization=acme.id, intent=intent, return_url=return_url)
    return link.link


def test_opens_a_visit_whose_address_is_not_the_link(workos: WorkOSClient) -> None:
    link = link_for(workos)

    answer = opened(link)

    assert answer.status == 303
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert urlsplit(link).query.removeprefix("secret=") not in answer.headers["Location"]
    assert answer.headers["Location"].endswith("/sso")


def test_is_refused_after_five_minutes(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.freeze()
    link = link_for(workos, return_url="https://app.example.com/back")
    sandbox.advance(299)
    assert opened(link).status == 303
    sandbox.advance(1)

    answer = opened(link)

    assert answer.status == 410
    assert "This link has expired" in answer.body  # type: ignore[attr-defined]
    assert "https://app.example.com/back" in answer.body  # type: ignore[attr-defined]


def test_is_not_made_for_an_organization_that_is_not_there(sandbox: Sandbox, workos: WorkOSClient) -> None:
    with pytest.raises(NotFoundError):
        workos.admin_portal.generate_link(organization="org_unknown", intent="sso")


@pytest.mark.parametrize(
    ("intent", "return_url"),
    [("coffee", None), ("sso", "javascript:alert(1)"), ("sso", "http://example.com")],
)
def test_is_not_made_of_what_cannot_be_processed(
    workos: WorkOSClient, intent: str, return_url: str | None
) -> None:
    with pytest.raises(UnprocessableEntityError):
        link_for(workos, intent=intent, return_url=return_url)
