"""Launch the Admin Portal: once, with a recent sign-in, without JavaScript, and when WorkOS fails."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from audit.models import AuditEntry
from enterprises.models import Enterprise
from hostapp.models import Session, User
from portal.models import PortalSession
from sandbox.client import Sandbox
from tests.browser.app import App, check_page, create_organization, sign_in
from tests.processes import wait_until

pytestmark = pytest.mark.browser

PORTAL = re.compile(r"/portal/[^/]+/sso")


@pytest.fixture
def ready(app: App, page: Page, sandbox: Sandbox, acme: Enterprise, ada: User) -> Page:
    create_organization(sandbox, acme)
    sign_in(page, app.url, ada)
    page.goto(f"{app.url}/enterprises/acme-inc/")
    return page


def age_sign_in(hours: int = 1) -> None:
    """Make the sign-in older; the session stays valid."""
    session = Session.objects.get()
    data = session.get_decoded()
    data["reauthenticated_at"] = (timezone.now() - timedelta(hours=hours)).isoformat()
    session.session_data = Session.objects.encode(data)
    session.save()


def test_double_click_launches_once(ready: Page, sandbox: Sandbox) -> None:
    sandbox.fault("hang", seconds=1, path="/portal/*")
    ready.get_by_role("button", name="Configure SSO").dblclick(no_wait_after=True)
    ready.wait_for_url(PORTAL)

    assert PortalSession.objects.get().presses == 1


def test_stopped_launch_can_be_repeated(ready: Page, sandbox: Sandbox) -> None:
    sandbox.fault("hang", seconds=30, path="/portal/generate_link")
    button = ready.get_by_role("button", name="Configure SSO")
    button.click(no_wait_after=True)
    wait_until(PortalSession.objects.exists)
    ready.context.new_cdp_session(ready).send("Page.stopLoading")

    expect(button).not_to_have_attribute("aria-disabled", "true", timeout=15_000)
    button.click()
    ready.wait_for_url(PORTAL)


def test_launch_in_a_new_tab_keeps_the_buttons_usable(ready: Page) -> None:
    with ready.context.expect_page() as opened:
        ready.get_by_role("button", name="Configure SSO").click(modifiers=["ControlOrMeta"])
    opened.value.wait_for_url(PORTAL)

    ready.get_by_role("button", name="Configure Directory Sync").click()
    ready.wait_for_url(re.compile("/portal/[^/]+/dsync"))


def test_launch_works_without_javascript_and_a_double_click_creates_one_session(
    browser: Browser, app: App, sandbox: Sandbox, acme: Enterprise, ada: User
) -> None:
    create_organization(sandbox, acme)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, app.url, ada)
    page.goto(f"{app.url}/enterprises/acme-inc/")
    sandbox.fault("hang", seconds=1, path="/portal/*")
    page.get_by_role("button", name="Configure SSO").dblclick(no_wait_after=True)
    page.wait_for_url(PORTAL)
    page.get_by_role("link", name="Back to your app").click()

    expect(page.get_by_role("region", name="Single Sign-On")).to_contain_text("Started")
    wait_until(lambda: page.reload() and "UTC" in page.get_by_role("main").inner_text())
    assert PortalSession.objects.count() == 1
    context.close()


def test_old_sign_in_reauthenticates_and_continues_to_the_portal(ready: Page) -> None:
    age_sign_in()
    ready.get_by_role("button", name="Configure SSO").click()
    password = ready.get_by_label("Password of ada@acme.example")
    expect(password).to_be_focused()
    check_page(ready, "password")

    password.fill("not it")
    ready.get_by_role("button", name="Continue").click()
    expect(ready.get_by_text("Password is incorrect.")).to_be_visible()
    check_page(ready, "password-wrong")

    ready.get_by_label("Password of ada@acme.example").fill("correct horse battery")
    ready.get_by_role("button", name="Continue").click()
    ready.wait_for_url(PORTAL)


@pytest.mark.parametrize(
    ("fault", "message_text", "outcome"),
    [
        ({"kind": "hang", "seconds": 5}, "WorkOS is not reachable.", "unavailable"),
        ({"kind": "cut"}, "WorkOS is not reachable.", "unavailable"),
        ({"kind": "empty"}, "WorkOS answered with an address that we do not trust", "refused"),
        ({"kind": "link"}, "WorkOS answered with an address that we do not trust", "refused"),
        ({"kind": "status", "status": 401}, "WorkOS does not accept our API key.", "refused"),
        ({"kind": "status", "status": 403}, "Our API key may not do this", "refused"),
        ({"kind": "status", "status": 404}, "WorkOS does not know this organization.", "refused"),
        ({"kind": "status", "status": 422}, "WorkOS did not accept what we sent.", "refused"),
        ({"kind": "status", "status": 429}, "WorkOS asks us to slow down.", "unavailable"),
        ({"kind": "status", "status": 500}, "WorkOS has a problem of its own.", "unavailable"),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_workos_error_is_explained_with_the_next_step(
    ready: Page, sandbox: Sandbox, fault: dict[str, object], message_text: str, outcome: str
) -> None:
    values = dict(fault)
    sandbox.fault(str(values.pop("kind")), path="/portal/generate_link", **values)
    ready.get_by_role("button", name="Configure SSO").click()
    message = ready.get_by_role("main").get_by_role("listitem").filter(has_text="Reference: ")

    expect(message).to_contain_text(message_text)
    expect(message).to_contain_text("Nothing was changed.")
    expect(message).to_contain_text(
        "Try again in a moment." if outcome == "unavailable" else "and quote the reference"
    )
    reference = message.inner_text().rpartition("Reference: ")[2]
    session = PortalSession.objects.get()
    assert (session.outcome, session.reference) == (outcome, reference)
    assert reference in AuditEntry.objects.get(action="portal_opened").outcome
    if fault["kind"] in ("link", "cut"):
        check_page(ready, f"failed-{outcome}")


def test_rate_limited_launch_shows_the_time_to_wait(ready: Page, acme: Enterprise, ada: User) -> None:
    now = timezone.now()
    PortalSession.objects.bulk_create(
        PortalSession(enterprise=acme, user=ada, intent="sso", launched_at=now - timedelta(minutes=4))
        for _ in range(10)
    )
    ready.get_by_role("button", name="Configure SSO").click()

    expect(ready.get_by_text("You have asked for the Admin Portal 10 times in ten minutes")).to_be_visible()
    expect(ready.get_by_text("Try again in 6 minutes.")).to_be_visible()
    assert PortalSession.objects.count() == 10


def test_revoked_portal_link_leads_back_to_the_page(ready: Page, app: App, sandbox: Sandbox) -> None:
    ready.get_by_role("button", name="Configure SSO").click()
    ready.wait_for_url(PORTAL)
    sandbox.revoke_links()
    ready.reload()
    ready.get_by_role("link", name="Go back to your app").click()

    ready.wait_for_url(f"{app.url}/enterprises/acme-inc/")
    expect(ready.get_by_role("region", name="Single Sign-On")).to_contain_text("Started")


def test_access_log_does_not_contain_the_return_url_nonce(ready: Page, app: App) -> None:
    ready.get_by_role("button", name="Configure SSO").click()
    ready.wait_for_url(PORTAL)
    ready.get_by_role("link", name="Back to your app").click()
    ready.wait_for_url(f"{app.url}/enterprises/acme-inc/")
    nonce = str(PortalSession.objects.get().nonce)

    wait_until(lambda: "/portal/returned/…/" in app.log_file.read_text())
    assert nonce not in app.log_file.read_text()


def test_page_is_usable_by_keyboard_with_visible_focus(ready: Page) -> None:
    seen = []
    for _ in range(25):
        ready.keyboard.press("Tab")
        focused = ready.evaluate(
            "() => { const it = document.activeElement; const style = getComputedStyle(it);"
            " return [it.innerText ?? '', style.outlineStyle, parseFloat(style.outlineWidth)]; }"
        )
        if focused[0] == "Check now":
            seen.append(focused[0])
            break
        assert focused[1] == "solid"
        assert focused[2] >= 2
        seen.append(focused[0])

    for name in ("Skip to content", "Setup links", "Configure SSO", "Configure Directory Sync", "Check now"):
        assert name in seen
