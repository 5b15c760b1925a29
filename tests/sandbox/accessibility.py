"""What every page must be: without a finding of axe, and no wider than the screen."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SCRIPTED = "scripted"

_axe = Axe()
_looked_at: set[tuple[str, int]] = set()


def sound(page: Page) -> None:
    """Axe itself is a script: where the page has none, the same page is looked at in another walk."""
    if not getattr(page, SCRIPTED):
        return
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    # A walk comes by the same pages as the last one; half a second each is better spent elsewhere.
    seen = (page.title(), page.get_by_role("alert").count())
    if seen in _looked_at:
        return
    findings = _axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(item["id"], [node["html"] for node in item["nodes"]]) for item in findings] == []
    _looked_at.add(seen)
