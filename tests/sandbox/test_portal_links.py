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
    assert answer.headers["X-Request-ID"]


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


def test_is_taken_back_by_the_users_id_and_ends_the_visit_it_opened(workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    made = {
        user: workos.admin_portal.generate_link(
            organization=acme.id,
            intent="sso",
            external_user_id=user,
            return_url="https://app.example.com/back",
        ).link
        for user in ("alice", "bob")
    }
    visits = {user: visited(link) for user, link in made.items()}
    assert {user: opened(visit).status for user, visit in visits.items()} == {"alice": 200, "bob": 200}

    workos.admin_portal.revoke_link(organization=acme.id, external_user_id="alice")

    assert opened(made["alice"]).status == 403
    answer = opened(visits["alice"])
    assert answer.status == 403
    assert "This link has been revoked" in answer.body  # type: ignore[attr-defined]
    assert opened(made["bob"]).status == 303
    assert opened(visits["bob"]).status == 200


def visited(link: str) -> str:
    """The address of the visit that the link opens."""
    parts = urlsplit(link)
    return f"http://{parts.netloc}{opened(link).headers['Location']}?"


def test_opens_again_unless_the_switch_says_once(sandbox: Sandbox, workos: WorkOSClient) -> None:
    link = link_for(workos)
    assert [opened(link).status for _ in range(2)] == [303, 303]

    sandbox.switch(single_use_links=True)

    answer = opened(link)
    assert answer.status == 410
    assert "This link has been used" in answer.body  # type: ignore[attr-defined]
    fresh = workos.admin_portal.generate_link(
        organization=sandbox.organizations()[0]["id"], intent="sso"
    ).link
    assert [opened(fresh).status for _ in range(2)] == [303, 410]


def test_leads_only_to_what_it_was_made_for(workos: WorkOSClient) -> None:
    visit = visited(link_for(workos, intent="domain_verification"))

    assert opened(visit.replace("/domain_verification", "/sso")).status == 404
    assert opened(visit).status == 200


def test_leads_to_everything_when_made_without_an_intent(workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    link = workos.admin_portal.generate_link(organization=acme.id).link

    page = opened(visited(link))

    for words in ("Single Sign-On", "Directory Sync", "Audit logs", "Bring your own key"):
        assert words in page.body  # type: ignore[attr-defined]


def test_is_over_when_its_organization_is(workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    link = workos.admin_portal.generate_link(organization=acme.id, intent="sso").link
    visit = visited(link)

    workos.organizations.delete_organization(acme.id)

    assert opened(link).status == 403
    assert opened(visit).status == 403


def test_is_not_shown_by_its_pages_to_anyone_else(workos: WorkOSClient) -> None:
    headers = opened(visited(link_for(workos))).headers

    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "Set-Cookie" not in headers


def test_can_end_now_by_order(sandbox: Sandbox, workos: WorkOSClient) -> None:
    link = link_for(workos)
    sandbox.expire_links()
    assert opened(link).status == 410

    sandbox.revoke_links()

    assert opened(link).status == 403


@pytest.mark.parametrize("secret", ["", "x", "%C3%A4", "%00"])
def test_that_was_never_made_is_a_page_that_says_so(sandbox: Sandbox, secret: str) -> None:
    answer = opened(f"{sandbox.url}/portal/launch?secret={secret}")

    assert answer.status == 404
    assert "This link is not valid" in answer.body  # type: ignore[attr-defined]


def test_adds_the_it_contacts_it_names(workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme")

    workos.admin_portal.generate_link(organization=acme.id, intent="sso", it_contact_emails=["it@acme.com"])

    assert [row.email for row in workos.organizations.list_it_contacts(acme.id).data] == ["it@acme.com"]
    with pytest.raises(UnprocessableEntityError):
        workos.admin_portal.generate_link(
            organization=acme.id, intent="sso", it_contact_emails=[f"it{n}@acme.com" for n in range(21)]
        )
