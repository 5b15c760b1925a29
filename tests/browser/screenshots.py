"""Take the README's pictures while the browser follows the tested story: `make screenshots`."""

import signal
import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser import chromium, picture_descriptions
from tests.browser.test_onboarding import Demo, free_port, single_sign_on, start_demo
from tests.processes import create_open_folder

# What is drawn must not depend on what was drawn there before.
ARGUMENTS = [*chromium.ARGUMENTS, "--disable-partial-raster"]
SIZE = {"width": 1120, "height": 760}

# Shows the same moment on each run. True if there was none left that shows another.
_FREEZE_TIMES = """() => {
  let isFrozen = true;
  for (const it of document.querySelectorAll("time")) {
    const frozen = it.textContent
      .replace(/\\d{1,2} [A-Z][a-z]+ \\d{4}/, "15 January 2026")
      .replace(/\\d\\d:\\d\\d(:\\d\\d)?/, "10:00:00");
    isFrozen &&= frozen === it.textContent;
    it.textContent = frozen;
  }
  return isFrozen;
}"""


def save_picture(page: Page, path: Path) -> None:
    """Save the same picture on each run, whatever the time is."""
    is_frozen = False
    # The page may update itself meanwhile.
    while not is_frozen:
        page.evaluate(_FREEZE_TIMES)
        page.screenshot(path=path)
        is_frozen = page.evaluate(_FREEZE_TIMES)


def main() -> int:
    path = chromium.find_path()
    if path is None:
        print("NO BROWSER: `make browser` says why.", file=sys.stderr)
        return 1
    port, sandbox_port = free_port(), free_port()
    with create_open_folder("demo-") as parent:
        folder = str(parent)
        process = start_demo(folder, port, sandbox_port)
        try:
            output = ""
            for line in process.stdout or ():
                output += line
                if "Ctrl-C stops everything" in line:
                    break
            if "The demo is running" not in output:
                print(output, file=sys.stderr)
                return 1
            demo = Demo(f"http://localhost:{port}", f"http://localhost:{sandbox_port}", output, process)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
                page = browser.new_page(
                    viewport=SIZE,  # type: ignore[arg-type]
                    color_scheme="light",
                    reduced_motion="reduce",
                )
                shown = {}

                def take(name: str) -> None:
                    if name == "3-active":
                        # Whether the worker or the user is first differs.
                        expect(page.get_by_role("main")).to_contain_text("Last checked", timeout=60_000)
                    save_picture(page, picture_descriptions.FOLDER / f"{name}.png")
                    shown[name] = picture_descriptions.describe_page(page)
                    print(f"docs/pictures/{name}.png")

                single_sign_on(page, demo, take)
                picture_descriptions.save_descriptions(shown)
                browser.close()
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
    return 0


if __name__ == "__main__":
    sys.exit(main())
