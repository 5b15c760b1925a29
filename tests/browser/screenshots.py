"""Take the README's pictures while the browser follows the tested story: `make screenshots`."""

import signal
import sys

from playwright.sync_api import sync_playwright

from tests.browser import chromium, picture_descriptions
from tests.browser.test_onboarding import Demo, free_port, single_sign_on, start_demo
from tests.processes import create_open_folder

SIZE = {"width": 1120, "height": 760}


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
                browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
                page = browser.new_page(
                    viewport=SIZE,  # type: ignore[arg-type]
                    color_scheme="light",
                    reduced_motion="reduce",
                )
                shown = {}

                def take(name: str) -> None:
                    page.screenshot(path=picture_descriptions.FOLDER / f"{name}.png")
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
