"""Each state of the enterprise's page, reached by using the portal or by changes in the sandbox."""

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from enterprises.models import Enterprise, Membership
from hostapp.models import User
from sandbox.client import Sandbox
from tests.browser.app import App, call_api, check_page, create_organization, sign_in

pytestmark = pytest.mark.browser


@dataclass
class Walk:
    """Ada's browser session, signed in, on Acme's page."""

    page: Page
    app: App
    sandbox: Sandbox
    organization_id: str

    def open(self) -> None:
        self.page.goto(f"{self.app.url}/enterprises/acme-inc/")

    def section(self, name: str) -> Locator:
        return self.page.get_by_role("region", name=name)

    def launch(self, button: str) -> None:
        self.page.get_by_role("button", name=button).click()
        self.page.wait_for_url(re.compile("/portal/[^/]+/"))
        expect(self.page.locator("body")).to_contain_text("Sandbox, not WorkOS")

    def press(self, *names: str) -> None:
        for name in names:
            self.page.get_by_role("button", name=name, exact=True).click()

    def choose_okta(self) -> None:
        self.page.get_by_role("radio", name="Okta", exact=True).check()
        self.press("Continue", "Continue")

    def return_to_app(self) -> None:
        self.page.get_by_role("link", name="Back to your app").click()
        self.page.wait_for_url(f"{self.app.url}/enterprises/acme-inc/")

    def check_now(self) -> None:
        """Press "Check now" and wait for the reconcile."""
        self.press("Check now")
        self.reload_until("Up to date")

    def reload_until(self, text: str, *, gone: bool = False) -> None:
        self.sandbox.settle()
        for _ in range(50):
            self.open()
            if (text in self.page.get_by_role("main").inner_text()) != gone:
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"“{text}” did not change: {self.page.get_by_role('main').inner_text()}")


@pytest.fixture
def walk(app: App, page: Page, sandbox: Sandbox, acme: Enterprise, ada: User) -> Walk:
    walk = Walk(page, app, sandbox, create_organization(sandbox, acme))
    sign_in(page, app.url, ada)
    walk.open()
    return walk


SSO, DSYNC, DOMAINS = "Single sign-on", "Directory sync", "Domains"


def primary_buttons(page: Page) -> list[str]:
    """The labels of the buttons in the main part that look like the next step."""
    return page.locator("main button:not(.second, .copy)").all_inner_texts()


def test_step_that_is_not_set_up_has_one_button_and_states_requirements(walk: Walk) -> None:
    for name in (SSO, DSYNC):
        section = walk.section(name)
        expect(section).to_contain_text("Not set up")
        expect(section.get_by_role("button")).to_have_count(1)
        section.get_by_text("What you’ll need").click()
        expect(section.get_by_role("link", name="Guide Okta")).to_be_visible()
    expect(walk.page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(walk.page).to_have_title("Overview · Acme Inc. · Portal Host")
    check_page(walk.page, "what-you-need")
    walk.open()
    check_page(walk.page, "not-set-up")


def test_order_of_the_steps_is_advice_and_no_lock(walk: Walk) -> None:
    assert primary_buttons(walk.page) == ["Verify a domain"]
    expect(walk.page.get_by_role("button", name="Configure SSO")).to_be_enabled()
    walk.launch("Configure SSO")


def test_next_step_moves_on_with_each_step(walk: Walk) -> None:
    walk.sandbox.verify_domain(walk.organization_id, "acme.example")
    walk.reload_until("Verified")
    assert primary_buttons(walk.page) == ["Configure SSO"]
    check_page(walk.page, "sso-next")

    walk.sandbox.activate_connection(walk.organization_id)
    walk.reload_until("Okta SAML")
    assert primary_buttons(walk.page) == ["Configure directory sync"]

    walk.sandbox.activate_directory(walk.organization_id)
    walk.reload_until("Okta SCIM")
    assert primary_buttons(walk.page) == []


def test_intents_outside_the_plan_are_no_steps(walk: Walk) -> None:
    expect(walk.page.get_by_role("listitem").filter(has_text="Log streams")).to_have_count(0)
    walk.page.get_by_role("heading", name="Not in your plan").click()
    listed = walk.page.get_by_role("listitem")

    expect(listed.filter(has_text="Search and export")).to_be_visible()
    expect(listed.filter(has_text="Send audit logs")).to_be_visible()
    expect(walk.page.get_by_role("link", name="Contact sales")).to_be_visible()
    check_page(walk.page, "not-in-plan")


def test_every_intent_in_the_plan_can_be_launched(walk: Walk, acme: Enterprise) -> None:
    Enterprise.objects.update(intents=["sso", "dsync", "audit_logs", "log_streams", "bring_your_own_key"])
    walk.open()

    for name in ("Audit logs", "Log streams", "Bring your own key"):
        expect(walk.section(name).get_by_role("button")).to_have_count(1)
    check_page(walk.page, "whole-plan")
    walk.launch("Configure log streams")
    walk.return_to_app()
    expect(walk.section("Log streams")).to_contain_text("You started this just now.")
    expect(walk.section("Audit logs")).to_contain_text("Not opened yet")
    walk.launch("Open audit logs")
    walk.return_to_app()
    expect(walk.section("Audit logs")).to_contain_text("Ada Adeyemi opened them just now.")


def test_unfinished_session_shows_its_user_and_can_be_continued(walk: Walk) -> None:
    walk.launch("Configure SSO")
    walk.open()

    expect(walk.section(SSO)).to_contain_text("In progress")
    expect(walk.section(SSO)).to_contain_text("You started this just now. Continue where you left off.")
    check_page(walk.page, "started")
    walk.launch("Continue setup")


def test_every_user_with_an_unfinished_session_is_listed(walk: Walk, acme: Enterprise) -> None:
    eve = User.objects.create_user("eve@acme.example", name="Eve Engel")
    Membership.objects.create(user=eve, enterprise=acme, role=Membership.Role.IT_ADMIN)
    walk.launch("Configure SSO")
    walk.page.context.clear_cookies()
    sign_in(walk.page, walk.app.url, eve)
    walk.open()
    walk.launch("Continue setup")
    walk.return_to_app()

    expect(walk.section(SSO)).to_contain_text("You started this just now. Continue where you left off.")
    expect(walk.section(SSO)).to_contain_text("Ada Adeyemi also started it just now.")
    expect(walk.section(SSO).get_by_role("button")).to_have_text("Continue setup")
    check_page(walk.page, "started-by-several")


def test_draft_connection_can_be_continued(walk: Walk) -> None:
    walk.launch("Configure SSO")
    walk.page.get_by_role("radio", name="Okta", exact=True).check()
    walk.press("Continue")
    walk.return_to_app()

    expect(walk.section(SSO).get_by_text("In progress")).to_have_count(1)
    expect(walk.section(SSO)).to_contain_text("Okta SAML")
    expect(walk.section(SSO)).to_contain_text("You started this just now. Continue where you left off.")
    expect(walk.section(SSO).get_by_role("button")).to_have_text("Continue setup")
    check_page(walk.page, "draft")


def test_finished_session_shows_waiting_until_the_change_arrives(walk: Walk) -> None:
    walk.sandbox.fault("drop", event="connection.*", times=None)
    walk.sandbox.fault("status", status=500, method="GET", path="/organizations/*", times=None)
    walk.launch("Configure SSO")
    walk.choose_okta()
    walk.press("Test sign-in", "Finish")
    walk.page.wait_for_url(f"{walk.app.url}/enterprises/acme-inc/")

    expect(walk.section(SSO)).to_contain_text("Waiting for WorkOS")
    expect(walk.page.get_by_text("Waiting for an update…")).to_be_visible()
    check_page(walk.page, "waiting")

    walk.sandbox.clear_faults()
    expect(walk.section(SSO).get_by_text("Active", exact=True)).to_be_visible(timeout=20_000)
    expect(walk.page.get_by_role("status")).to_have_text("Single sign-on is active.")
    expect(walk.section(SSO).locator(".notice.good")).to_have_text("Single sign-on is active.")
    expect(walk.page.get_by_text("Waiting for an update…")).to_have_count(0)
    check_page(walk.page, "notice")


def test_validating_connection_says_that_it_needs_a_first_sign_in(walk: Walk) -> None:
    walk.launch("Configure SSO")
    walk.choose_okta()
    walk.return_to_app()

    expect(walk.section(SSO)).to_contain_text("Validating")
    expect(walk.section(SSO)).to_contain_text("Becomes active with the first sign-in")
    check_page(walk.page, "validating")


def test_active_connection_shows_its_type_and_date(walk: Walk) -> None:
    walk.sandbox.activate_connection(walk.organization_id)
    walk.sandbox.verify_domain(walk.organization_id, "acme.example")
    walk.sandbox.activate_directory(walk.organization_id, users=3)
    walk.reload_until("Okta SAML")
    walk.reload_until("Verified")
    walk.reload_until("Okta SCIM")

    expect(walk.section(SSO).get_by_role("term")).to_have_text(
        ["Provider", "Domains", "Active since", "Connection ID"]
    )
    expect(walk.section(SSO).get_by_role("definition").nth(1)).to_have_text("acme.example")
    expect(walk.section(SSO).get_by_role("button", name="Manage SSO")).to_be_visible()
    expect(walk.section(SSO)).not_to_contain_text("Domain not verified")
    expect(walk.section(DOMAINS)).to_contain_text("acme.example")
    check_page(walk.page, "active")


def test_connection_set_up_in_the_portal_names_the_person_and_the_check(walk: Walk) -> None:
    walk.launch("Configure SSO")
    walk.choose_okta()
    walk.press("Test sign-in", "Finish")
    walk.page.wait_for_url(f"{walk.app.url}/enterprises/acme-inc/")
    walk.reload_until("Last checked")

    facts = walk.section(SSO).locator("dl")
    expect(facts).to_contain_text(re.compile(r"Set up by\s*Ada Adeyemi, \d+ \w+ \d{4}"))
    expect(facts).to_contain_text("Last checked")
    expect(facts).not_to_contain_text("Certificate valid until")


def test_id_is_copied_with_a_button_that_needs_javascript(walk: Walk, browser: Browser, ada: User) -> None:
    connection = walk.sandbox.activate_connection(walk.organization_id)
    walk.reload_until("Okta SAML")
    walk.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = walk.section(SSO).locator("button.copy")
    expect(button).to_have_accessible_name("Copy Connection ID")
    button.click()
    expect(button).to_contain_text("Copied")
    assert walk.page.evaluate("navigator.clipboard.readText()") == connection["id"]

    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    sign_in(plain, walk.app.url, ada)
    plain.goto(walk.page.url)
    expect(plain.get_by_text(connection["id"])).to_be_visible()
    expect(plain.get_by_role("button", name="Copy")).to_have_count(0)
    context.close()


def test_active_connection_without_a_verified_domain_is_explained(walk: Walk) -> None:
    walk.sandbox.activate_connection(walk.organization_id)
    walk.reload_until("Okta SAML")

    expect(walk.section(SSO)).to_contain_text("Domain not verified")
    expect(walk.section(SSO)).to_contain_text(
        "People may not be sent to single sign-on until you verify a domain."
    )
    assert primary_buttons(walk.page) == ["Verify a domain"]
    check_page(walk.page, "no-verified-domain")


def test_expiring_certificate_needs_attention_until_it_is_renewed(walk: Walk) -> None:
    connection = walk.sandbox.activate_connection(walk.organization_id)
    walk.sandbox.change_connection(connection["id"], "expire_certificate", days=9)
    walk.reload_until("The certificate expires in 9 days.")

    section = walk.section(SSO)
    expect(section).to_contain_text("Needs attention")
    expect(section).to_contain_text("After that, nobody can sign in with SSO.")
    expect(section).to_contain_text("Certificate valid until")
    assert primary_buttons(walk.page) == ["Renew certificate"]
    check_page(walk.page, "certificate")

    walk.sandbox.change_connection(connection["id"], "renew_certificate")
    walk.reload_until("Certificate renewed. It’s valid until")
    expect(section).not_to_contain_text("Needs attention")
    expect(section).to_contain_text("Certificate valid until")
    check_page(walk.page, "certificate-renewed")


def test_connection_that_is_off_outranks_its_expiring_certificate(walk: Walk) -> None:
    connection = walk.sandbox.activate_connection(walk.organization_id)
    walk.sandbox.change_connection(connection["id"], "expire_certificate", days=9)
    walk.sandbox.change_connection(connection["id"], "deactivate")
    walk.reload_until("Turned off")
    walk.reload_until("The certificate expires in 9 days.")

    section = walk.section(SSO)
    expect(section).to_contain_text("Nobody can sign in with Okta until it’s turned on again.")
    expect(section.get_by_role("button").filter(visible=True)).to_have_text(
        [re.compile("Copy"), "Turn on again", "Renew certificate"]
    )
    assert primary_buttons(walk.page) == ["Turn on again"]
    check_page(walk.page, "off-with-certificate")
    walk.launch("Turn on again")
    assert "/sso" in walk.page.url


@pytest.mark.parametrize(
    ("action", "word", "explanation"),
    [
        ("deactivate", "Turned off", "Nobody can sign in with Okta until it’s turned on again."),
        ("delete", "Removed", "You can set up a new one."),
    ],
)
def test_deactivated_or_removed_connection_is_explained(
    walk: Walk, action: str, word: str, explanation: str
) -> None:
    connection = walk.sandbox.activate_connection(walk.organization_id)
    walk.sandbox.change_connection(connection["id"], action)
    walk.reload_until(word)

    expect(walk.section(SSO)).to_contain_text(explanation)
    check_page(walk.page, f"connection-{action}")


def test_several_connections_are_all_shown(walk: Walk) -> None:
    walk.sandbox.activate_connection(walk.organization_id)
    other = walk.sandbox.activate_connection(walk.organization_id, type="AzureSAML")
    walk.sandbox.change_connection(other["id"], "deactivate")
    walk.reload_until("Turned off")

    expect(walk.section(SSO)).to_contain_text("Okta SAML")
    expect(walk.section(SSO)).to_contain_text("Entra ID SAML")
    check_page(walk.page, "several")


@pytest.mark.parametrize(
    ("action", "word", "explanation"),
    [
        ("unlink", "Turned off", "People and groups are kept; changes stop arriving."),
        ("refuse", "Needs attention", "Your directory refuses the credentials"),
    ],
)
def test_check_now_finds_directory_states_that_have_no_event(
    walk: Walk, action: str, word: str, explanation: str
) -> None:
    directory = walk.sandbox.activate_directory(walk.organization_id)
    walk.reload_until("Okta SCIM")
    walk.sandbox.change_directory(directory["id"], action)
    walk.check_now()

    expect(walk.section(DSYNC)).to_contain_text(word)
    expect(walk.section(DSYNC)).to_contain_text(explanation)
    check_page(walk.page, f"directory-{action}")


def test_removed_directory_is_explained(walk: Walk) -> None:
    directory = walk.sandbox.activate_directory(walk.organization_id)
    walk.reload_until("Okta SCIM")
    walk.sandbox.change_directory(directory["id"], "delete")
    walk.reload_until("Removed")

    expect(walk.section(DSYNC)).to_contain_text("You can set up a new one.")
    expect(walk.section(DSYNC).get_by_role("button")).to_have_text("Configure directory sync")
    check_page(walk.page, "directory-removed")


def test_directory_set_up_to_the_end_becomes_active(walk: Walk) -> None:
    walk.launch("Configure directory sync")
    walk.page.get_by_role("radio", name="Okta", exact=True).check()
    walk.press("Continue", "Test connection", "Finish")
    walk.page.wait_for_url(f"{walk.app.url}/enterprises/acme-inc/")

    expect(walk.section(DSYNC).get_by_text("Active", exact=True)).to_be_visible()
    expect(walk.page.get_by_role("status")).to_contain_text("Directory sync is active.")


def test_failed_domain_shows_the_reason(walk: Walk) -> None:
    walk.sandbox.fail_domain(walk.organization_id, "acme.example")
    walk.reload_until("Verification failed")

    expect(walk.section(DOMAINS)).to_contain_text("The TXT record wasn’t found in time.")
    check_page(walk.page, "domain-failed")


def test_enterprise_without_an_organization_has_no_configure_button(walk: Walk) -> None:
    Enterprise.objects.update(organization=None)
    walk.open()

    expect(walk.page.get_by_role("main")).to_contain_text("isn’t connected to WorkOS yet")
    expect(walk.page.get_by_role("button", name="Configure SSO")).to_have_count(0)
    check_page(walk.page, "not-provisioned")


def test_plan_without_single_sign_on_still_shows_the_connection(walk: Walk) -> None:
    walk.sandbox.activate_connection(walk.organization_id)
    Enterprise.objects.update(intents=["dsync"])
    walk.reload_until("Okta SAML")

    expect(walk.section(SSO)).to_contain_text("Active")
    expect(walk.section(SSO)).to_contain_text("Your plan doesn’t include this. Contact sales to upgrade.")
    expect(walk.section(SSO).get_by_role("button").filter(has_not_text="Copy")).to_have_count(0)
    assert primary_buttons(walk.page) == ["Configure directory sync"]
    check_page(walk.page, "plan-lost")


def test_organization_deleted_at_workos_is_explained(walk: Walk) -> None:
    walk.sandbox.activate_connection(walk.organization_id)
    walk.reload_until("Okta SAML")
    call_api(walk.sandbox, "DELETE", f"organizations/{walk.organization_id}")
    walk.reload_until("Acme Inc. was removed in WorkOS")

    expect(walk.section(SSO)).to_contain_text("Removed")
    expect(walk.page.get_by_role("main").get_by_role("button")).to_have_count(0)
    check_page(walk.page, "organization-removed")


def test_plan_without_single_sign_on_has_one_step(walk: Walk) -> None:
    Enterprise.objects.update(intents=["dsync"])
    walk.open()

    expect(walk.page.get_by_role("region", name=SSO)).to_have_count(0)
    assert primary_buttons(walk.page) == ["Configure directory sync"]
    check_page(walk.page, "plan-without-sso")


def test_member_sees_one_line_and_it_admins_but_no_button(walk: Walk, ben: User) -> None:
    walk.sandbox.activate_connection(walk.organization_id)
    walk.page.context.clear_cookies()
    sign_in(walk.page, walk.app.url, ben)
    walk.reload_until("Your company signs in with Okta.")

    expect(walk.page.get_by_role("main")).to_contain_text("Ada Adeyemi")
    expect(walk.page.get_by_role("main").get_by_role("button")).to_have_count(0)
    check_page(walk.page, "member")
