"""The people of a directory in a browser, as real deliveries and a real worker bring them."""

import pytest
from playwright.sync_api import Page, expect

from enterprises.models import Enterprise
from hostapp.models import User
from mirror.people_models import DirectoryMembership
from sandbox.client import Sandbox
from tests.browser.app import App, create_organization, sign_in
from tests.processes import wait_until

pytestmark = pytest.mark.browser


def test_person_arrives_in_a_group_and_leaves_it_when_deactivated(
    app: App, page: Page, sandbox: Sandbox, acme: Enterprise, ada: User
) -> None:
    create_organization(sandbox, acme)
    acme.refresh_from_db()
    directory = sandbox.activate_directory(str(acme.organization_id))["id"]
    group = sandbox.add_group(directory, "Engineers")
    zoe = sandbox.add_person(directory, group_id=group["id"], first_name="Zoe", last_name="Lind")
    wait_until(DirectoryMembership.objects.current().exists)

    sign_in(page, app.url, ada)
    page.goto(app.url + acme.get_absolute_url())
    page.get_by_role("link", name="Directory", exact=True).click()
    page.get_by_role("searchbox").fill("lin")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Zoe Lind").click()
    expect(page.get_by_role("region", name="State")).to_contain_text("Active")
    page.get_by_role("link", name="Engineers").click()
    expect(page.get_by_role("region", name="People in this group")).to_contain_text("Zoe Lind")

    sandbox.change_person(directory, zoe["id"], "deactivate")
    wait_until(lambda: not DirectoryMembership.objects.current().exists())

    page.reload()
    expect(page.get_by_role("main")).to_contain_text("No active people in this group.")
    page.get_by_role("link", name="All groups in the directory").click()
    page.get_by_role("link", name="1 deactivated").click()
    page.get_by_role("link", name="Zoe Lind").click()
    expect(page.get_by_role("region", name="State")).to_contain_text("Deactivated")
