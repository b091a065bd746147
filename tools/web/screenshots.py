"""Pictures of a running system: `python -m tools.web.screenshots [--run-dir DIR] [FOLDER]`.

The system has the demo's data. Each page of the web app is shown on a phone in the light theme, and
on a desk in the dark one; each page of the dashboard on a desk in both. Pictures are not part of
the repository: the script makes them anew.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tools.demo.dataset import PASSWORD
from tools.runner.config.paths import RunDir

_USER = "demo_mara"
_PHONE_SIZE, _DESKTOP_SIZE = (390, 844), (1280, 900)
APP = {
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
DASHBOARD = {
    "resources": "/",
    "logs": "/logs",
    "traces": "/traces",
    "building-blocks": "/dapr",
    "map": "/map",
    "metrics": "/metrics",
}
"""The pages that are shown, by the name of their pictures."""

_IMAGES_SHOWN = """() => Promise.race([
    Promise.all([...document.images]
        .filter((image) => image.checkVisibility())
        .filter((image) => image.getBoundingClientRect().top < innerHeight)
        .map((image) => image.decode())),
    new Promise((_, refuse) => setTimeout(() => refuse(new Error("an image is late")), 60000)),
])"""
"""Ends when the images that can be seen are there. `wait_for_function` would need `unsafe-eval`,
which the pages forbid."""


def main() -> int:
    """Write a PNG file for each page, size and theme, and print their paths."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run-dir", help="the folder of the running system (.run)")
    parser.add_argument(
        "folder", type=Path, nargs="?", help="where to write (screenshots/ in the run directory)"
    )
    options = parser.parse_args()
    run = RunDir.at(options.run_dir)
    state = run.read_state()
    if not state.get("gateway"):
        raise SystemExit(f"no system with a gateway runs in {run.path}: `up`, then `demo`")
    folder: Path = options.folder or run.path / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("Chromium is not installed: on Debian, `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        _take_all(browser, state["gateway"], state["dashboard"], folder)
        browser.close()
    return 0


def _take_all(browser: Browser, gateway: str, dashboard: str | None, folder: Path) -> None:
    with _opened(browser, gateway, _PHONE_SIZE, dark=False) as page:
        _log_in(page)
        _take(page, APP, folder, "phone")
    with _opened(browser, gateway, _DESKTOP_SIZE, dark=True) as page:
        _log_in(page)
        _take(page, APP, folder, "desk")
    for theme in ("light", "dark") if dashboard else ():
        base, _, token = str(dashboard).partition("/?")
        with _opened(browser, base, _DESKTOP_SIZE, dark=theme == "dark") as page:
            page.goto(f"/?{token}")
            _take(page, DASHBOARD, folder, f"dashboard-{theme}")


@contextmanager
def _opened(browser: Browser, url: str, size: tuple[int, int], *, dark: bool) -> Iterator[Page]:
    context = browser.new_context(
        base_url=url,
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
    )
    yield context.new_page()
    context.close()


def _log_in(page: Page) -> None:
    page.goto("/login")
    page.get_by_label("Username or e-mail address").fill(_USER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("/")


def _take(page: Page, pages: Mapping[str, str], folder: Path, suffix: str) -> None:
    for name, path in pages.items():
        answer = page.goto(path)
        if answer is None or not answer.ok:
            raise SystemExit(f"{page.url} does not answer: has the system the data of `demo`?")
        page.evaluate(_IMAGES_SHOWN)
        picture = folder / f"{name}-{suffix}.png"
        page.screenshot(path=picture)
        print(picture)


if __name__ == "__main__":
    sys.exit(main())
