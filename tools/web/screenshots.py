"""Pictures of the web app's pages: `python -m tools.web.screenshots URL FOLDER`.

The system at the URL is filled with the demo. Each page is shown on a phone in the light theme, and
on a desk in the dark one.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tools.demo.dataset import PASSWORD

_USER = "demo_mara"
_PAGES = {
    "home": "/",
    "explore": "/explore",
    "profile": "/@demo_jonas",
    "new": "/new",
    "notifications": "/notifications",
    "messages": "/messages",
    "shop": "/shop",
    "cart": "/cart",
    "orders": "/orders",
    "selling": "/selling",
    "settings": "/settings",
}


def main() -> int:
    """Write a PNG file for each page, size and theme, and print their paths."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="the gateway of a running system with the demo's data")
    parser.add_argument("folder", type=Path, help="where to write the pictures")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("Chromium is not installed: on Debian, `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with _logged_in(browser, options.url, 390, 844, dark=False) as page:
            _take(page, options.folder, "phone")
        with _logged_in(browser, options.url, 1280, 900, dark=True) as page:
            _take(page, options.folder, "desk")
        browser.close()
    return 0


@contextmanager
def _logged_in(
    browser: Browser, url: str, width: int, height: int, *, dark: bool
) -> Iterator[Page]:
    context = browser.new_context(
        base_url=url,
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
    )
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("Username or e-mail address").fill(_USER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{url}/")
    yield page
    context.close()


def _take(page: Page, folder: Path, device: str) -> None:
    for name, path in _PAGES.items():
        page.goto(path)
        page.wait_for_function("[...document.images].every((image) => image.complete)")
        picture = folder / f"{name}-{device}.png"
        page.screenshot(path=picture)
        print(picture)


if __name__ == "__main__":
    sys.exit(main())
