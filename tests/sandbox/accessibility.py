"""Checks that every page must pass: no finding of axe, and no wider than the screen."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SCRIPTED = "scripted"

_axe = Axe()
_checked: set[tuple[str, int]] = set()


def check_page(page: Page) -> None:
    """Check the page, unless it has no JavaScript: axe is a script."""
    if not getattr(page, SCRIPTED):
        return
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    # Each page is checked once per run, which takes half a second.
    key = (page.title(), page.get_by_role("alert").count())
    if key in _checked:
        return
    findings = _axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(item["id"], [node["html"] for node in item["nodes"]]) for item in findings] == []
    _checked.add(key)
