"""The README's pictures, taken by walking the demo: `make screenshots`.

Nothing in them is drawn by hand, so that they are as the product is.
"""

import signal
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser import chromium
from tests.browser.test_story import Demo, free_port, sign_in, start_demo

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
SIZE = {"width": 1120, "height": 760}


def walk(page: Page, demo: Demo) -> None:
    sign_in(page, demo, "ada@acme.example")
    expect(page.get_by_role("heading", level=1)).to_have_text("Acme Inc.")
    take(page, "1-not-set-up")

    page.get_by_role("button", name="Configure SSO").click()
    page.get_by_role("radio", name="Okta", exact=True).check()
    take(page, "2-admin-portal")
    for button in ("Continue", "Continue", "Test sign-in", "Finish"):
        page.get_by_role("button", name=button).click()

    section = page.get_by_role("region", name="Single Sign-On")
    expect(section.get_by_text("Active", exact=True)).to_be_visible()
    page.evaluate("window.scrollTo(0, 0)")
    take(page, "3-active")


def take(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")
    print(f"docs/pictures/{name}.png")


def main() -> int:
    path = chromium.find()
    if path is None:
        print("NO BROWSER: `make browser` says why.", file=sys.stderr)
        return 1
    port, sandbox_port = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        process = start_demo(folder, port, sandbox_port)
        try:
            said = ""
            for line in process.stdout or ():
                said += line
                if "Ctrl-C ends everything" in line:
                    break
            if "The demo runs" not in said:
                print(said, file=sys.stderr)
                return 1
            demo = Demo(f"http://localhost:{port}", f"http://localhost:{sandbox_port}", said, process)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
                page = browser.new_page(
                    viewport=SIZE,  # type: ignore[arg-type]
                    color_scheme="light",
                    reduced_motion="reduce",
                )
                walk(page, demo)
                browser.close()
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
    return 0


if __name__ == "__main__":
    sys.exit(main())
