"""Launch the Admin Portal: once, with a recent sign-in, without JavaScript, and when WorkOS fails."""

import re
from datetime import timedelta
from urllib.parse import unquote

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

# Of submit_once.js.
SLOW_AFTER_MS, UNLOCK_AFTER_MS = 4_000, 12_000
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

    assert PortalSession.objects.get().links == 1


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

    ready.get_by_role("button", name="Configure directory sync").click()
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

    expect(page.get_by_role("region", name="Single sign-on")).to_contain_text("You started this")
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
        ({"kind": "hang", "seconds": 5}, "We couldn’t reach WorkOS.", "unavailable"),
        ({"kind": "cut"}, "We couldn’t reach WorkOS.", "unavailable"),
        ({"kind": "empty"}, "WorkOS returned an unexpected link.", "refused"),
        ({"kind": "link"}, "WorkOS returned an unexpected link.", "refused"),
        ({"kind": "status", "status": 401}, "a problem on our side", "refused"),
        ({"kind": "status", "status": 403}, "a problem on our side", "refused"),
        ({"kind": "status", "status": 404}, "a problem on our side", "refused"),
        ({"kind": "status", "status": 422}, "a problem on our side", "refused"),
        ({"kind": "status", "status": 429}, "WorkOS is busy.", "unavailable"),
        ({"kind": "status", "status": 500}, "WorkOS is having problems.", "unavailable"),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_workos_error_is_explained_in_the_card_with_the_next_step(
    ready: Page, sandbox: Sandbox, fault: dict[str, object], message_text: str, outcome: str
) -> None:
    values = dict(fault)
    sandbox.fault(str(values.pop("kind")), path="/portal/generate_link", **values)
    ready.get_by_role("button", name="Configure SSO").click()
    message = ready.get_by_role("region", name="Single sign-on").locator("#failure")

    expect(message).to_be_focused()
    expect(message).to_contain_text(message_text)
    expect(message).to_contain_text("Nothing changed.")
    expect(message).not_to_contain_text("API key")
    expect(message).to_contain_text("Try again in" if outcome == "unavailable" else "quote the reference")
    reference = message.locator("code").inner_text()
    session = PortalSession.objects.get()
    assert (session.outcome, session.reference) == (outcome, reference)
    assert reference in AuditEntry.objects.get(action="portal_opened").outcome
    link = message.get_by_role("link", name="Contact support").get_attribute("href") or ""
    for filled_in in (reference, "/enterprises/acme-inc/", session.enterprise.organization_id or ""):
        assert filled_in in unquote(link)
    if fault["kind"] in ("link", "cut"):
        check_page(ready, f"failed-{outcome}")


def test_failure_is_shown_until_the_next_action(ready: Page, sandbox: Sandbox) -> None:
    sandbox.fault("status", status=500, path="/portal/generate_link")
    ready.get_by_role("button", name="Configure SSO").click()
    expect(ready.locator("#failure")).to_be_focused()
    ready.reload()
    expect(ready.locator("#failure")).to_be_focused()
    ready.get_by_role("button", name="Check now").click()

    expect(ready.get_by_text("Up to date")).to_be_visible()
    expect(ready.locator("#failure")).to_have_count(0)


def test_failure_takes_the_focus_without_javascript(
    browser: Browser, app: App, sandbox: Sandbox, acme: Enterprise, ada: User
) -> None:
    create_organization(sandbox, acme)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, app.url, ada)
    page.goto(f"{app.url}/enterprises/acme-inc/")
    sandbox.fault("status", status=500, path="/portal/generate_link")
    page.get_by_role("button", name="Configure SSO").click()

    expect(page.locator("#failure:focus")).to_contain_text("WorkOS is having problems.")
    context.close()


def test_slow_launch_says_so_on_the_button(ready: Page) -> None:
    # The tests' server gives up after two seconds. This request is not sent, and so gets no answer.
    ready.evaluate("addEventListener('submit', (event) => event.preventDefault())")
    button = ready.locator("#open-sso")
    ready.clock.install()
    button.click()

    expect(button).to_have_text("Opening…")
    expect(button).to_have_attribute("aria-busy", "true")
    ready.clock.fast_forward(SLOW_AFTER_MS)
    expect(button).to_have_text("Still waiting for WorkOS…")
    expect(ready.get_by_role("status")).to_have_text("Still waiting for WorkOS…")
    ready.clock.fast_forward(UNLOCK_AFTER_MS - SLOW_AFTER_MS)
    expect(button).to_have_text("Configure SSO")


def test_rate_limited_launch_shows_when_to_come_back(ready: Page, acme: Enterprise, ada: User) -> None:
    now = timezone.now()
    PortalSession.objects.bulk_create(
        PortalSession(
            enterprise=acme, user=ada, intent="sso", launched_at=now - timedelta(minutes=4), links=1
        )
        for _ in range(30)
    )
    ready.get_by_role("button", name="Configure SSO").click()

    message = ready.locator("#failure")
    expect(message).to_have_text(
        re.compile(r"Too many attempts\. You can open the Admin Portal again at \d\d:\d\d\.")
    )
    expect(message.get_by_role("time")).to_be_visible()
    check_page(ready, "rate-limited")
    assert PortalSession.objects.count() == 30


def test_revoked_portal_link_leads_back_to_the_page(ready: Page, app: App, sandbox: Sandbox) -> None:
    ready.get_by_role("button", name="Configure SSO").click()
    ready.wait_for_url(PORTAL)
    sandbox.revoke_links()
    ready.reload()
    ready.get_by_role("link", name="Go back to your app").click()

    ready.wait_for_url(f"{app.url}/enterprises/acme-inc/")
    expect(ready.get_by_role("region", name="Single sign-on")).to_contain_text("You started this")


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
        assert focused[1] == "solid"
        assert focused[2] >= 2
        seen.append(focused[0])
        if focused[0] == "Configure directory sync":
            break

    for name in ("Skip to content", "Setup links", "Configure SSO", "Configure directory sync", "Check now"):
        assert name in seen
