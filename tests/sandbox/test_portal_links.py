"""Portal Links and the sessions that they open."""

import http.client
from urllib.parse import urlsplit

import pytest
from workos import NotFoundError, UnprocessableEntityError, WorkOSClient

from sandbox.client import Sandbox


def open_url(link: str) -> http.client.HTTPResponse:
    """The response to the URL, without following a redirect."""
    parts = urlsplit(link)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=10)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    answer.body = answer.read().decode()  # type: ignore[attr-defined]
    connection.close()
    return answer


def create_link(workos: WorkOSClient, *, intent: str = "sso", return_url: str | None = None) -> str:
    acme = workos.organizations.create_organization(name="Acme")
    link = workos.admin_portal.generate_link(organization=acme.id, intent=intent, return_url=return_url)
    return link.link


def test_link_opens_a_session_whose_url_lacks_the_secret(workos: WorkOSClient) -> None:
    link = create_link(workos)

    answer = open_url(link)

    assert answer.status == 303
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert urlsplit(link).query.removeprefix("secret=") not in answer.headers["Location"]
    assert answer.headers["Location"].endswith("/sso")
    assert answer.headers["X-Request-ID"]


def test_link_expires_after_five_minutes(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.freeze()
    link = create_link(workos, return_url="https://app.example.com/back")
    sandbox.advance(299)
    assert open_url(link).status == 303
    sandbox.advance(1)

    answer = open_url(link)

    assert answer.status == 410
    assert "This link has expired" in answer.body  # type: ignore[attr-defined]
    assert "https://app.example.com/back" in answer.body  # type: ignore[attr-defined]


def test_link_for_an_unknown_organization_is_answered_404(sandbox: Sandbox, workos: WorkOSClient) -> None:
    with pytest.raises(NotFoundError):
        workos.admin_portal.generate_link(organization="org_unknown", intent="sso")


@pytest.mark.parametrize(
    ("intent", "return_url"),
    [("coffee", None), ("sso", "javascript:alert(1)"), ("sso", "http://example.com")],
)
def test_link_with_invalid_parameters_is_answered_422(
    workos: WorkOSClient, intent: str, return_url: str | None
) -> None:
    with pytest.raises(UnprocessableEntityError):
        create_link(workos, intent=intent, return_url=return_url)


def test_revocation_by_external_user_id_ends_link_and_session(workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    created = {
        user: workos.admin_portal.generate_link(
            organization=acme.id,
            intent="sso",
            external_user_id=user,
            return_url="https://app.example.com/back",
        ).link
        for user in ("alice", "bob")
    }
    sessions = {user: open_session(link) for user, link in created.items()}
    assert {user: open_url(session).status for user, session in sessions.items()} == {
        "alice": 200,
        "bob": 200,
    }

    workos.admin_portal.revoke_link(organization=acme.id, external_user_id="alice")

    assert open_url(created["alice"]).status == 403
    answer = open_url(sessions["alice"])
    assert answer.status == 403
    assert "This link has been revoked" in answer.body  # type: ignore[attr-defined]
    assert open_url(created["bob"]).status == 303
    assert open_url(sessions["bob"]).status == 200


def open_session(link: str) -> str:
    """The URL of the session that the link opens."""
    parts = urlsplit(link)
    return f"http://{parts.netloc}{open_url(link).headers['Location']}?"


def test_link_opens_again_unless_the_switch_makes_it_single_use(
    sandbox: Sandbox, workos: WorkOSClient
) -> None:
    link = create_link(workos)
    assert [open_url(link).status for _ in range(2)] == [303, 303]

    sandbox.switch(single_use_links=True)

    answer = open_url(link)
    assert answer.status == 410
    assert "This link has been used" in answer.body  # type: ignore[attr-defined]
    fresh = workos.admin_portal.generate_link(
        organization=sandbox.organizations()[0]["id"], intent="sso"
    ).link
    assert [open_url(fresh).status for _ in range(2)] == [303, 410]


def test_session_opens_only_the_intent_of_its_link(workos: WorkOSClient) -> None:
    session = open_session(create_link(workos, intent="domain_verification"))

    assert open_url(session.replace("/domain_verification", "/sso")).status == 404
    assert open_url(session).status == 200


def test_link_without_an_intent_opens_every_intent(workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    link = workos.admin_portal.generate_link(organization=acme.id).link

    page = open_url(open_session(link))

    for words in ("Single Sign-On", "Directory Sync", "Audit logs", "Bring your own key"):
        assert words in page.body  # type: ignore[attr-defined]


def test_deleting_the_organization_ends_link_and_session(workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    link = workos.admin_portal.generate_link(organization=acme.id, intent="sso").link
    session = open_session(link)

    workos.organizations.delete_organization(acme.id)

    assert open_url(link).status == 403
    assert open_url(session).status == 403


def test_portal_pages_have_privacy_headers_and_no_cookie(workos: WorkOSClient) -> None:
    headers = open_url(open_session(create_link(workos))).headers

    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "Set-Cookie" not in headers


def test_control_api_expires_and_revokes_links(sandbox: Sandbox, workos: WorkOSClient) -> None:
    link = create_link(workos)
    sandbox.expire_links()
    assert open_url(link).status == 410

    sandbox.revoke_links()

    assert open_url(link).status == 403


@pytest.mark.parametrize("secret", ["", "x", "%C3%A4", "%00"])
def test_unknown_secret_is_answered_with_a_404_page(sandbox: Sandbox, secret: str) -> None:
    answer = open_url(f"{sandbox.url}/portal/launch?secret={secret}")

    assert answer.status == 404
    assert "This link is not valid" in answer.body  # type: ignore[attr-defined]


def test_link_adds_up_to_twenty_it_contacts(workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme")

    workos.admin_portal.generate_link(organization=acme.id, intent="sso", it_contact_emails=["it@acme.com"])

    assert [row.email for row in workos.organizations.list_it_contacts(acme.id).data] == ["it@acme.com"]
    with pytest.raises(UnprocessableEntityError):
        workos.admin_portal.generate_link(
            organization=acme.id, intent="sso", it_contact_emails=[f"it{n}@acme.com" for n in range(21)]
        )
