"""Accessibility by axe, and no horizontal scrolling: all pages, both themes, three widths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

from tests.browser.browser_user import BrowserUser

WIDTHS = (320, 768, 1280)
PUBLIC = ("/", "/explore", "/login", "/auth/sign_up", "/auth/archive", "/auth/delete", "/nowhere")
PRIVATE = ("/", "/explore", "/explore?q=a", "/notifications", "/messages", "/new")
SETTINGS = (
    *("", "/profile", "/privacy", "/account", "/sessions", "/blocks", "/mutes"),
    *("/follow-requests", "/notifications", "/archive", "/appearance"),
)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

_BEYOND = """width => [...document.querySelectorAll("body *")]
    .filter((element) => element.getBoundingClientRect().right > width)
    .map((element) => `${element.tagName} ${element.className}`)"""

Theme = Literal["light", "dark"]


def check(person: BrowserUser, path: str) -> list[str]:
    """What is wrong with a page at all widths."""
    faults = []
    person.page.goto(path)
    for width in WIDTHS:
        person.page.set_viewport_size({"width": width, "height": 800})
        found = Axe().run(person.page, options=RULES)
        if found.violations_count:
            faults.append(f"{path} at {width} px:\n{found.generate_report()}")
        wide = person.page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            beyond = person.page.evaluate(_BEYOND, width)
            faults.append(f"{path} at {width} px is {wide} px wide: {beyond}")
    return faults


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_for_strangers(open_browser: Callable[..., BrowserUser], theme: Theme) -> None:
    stranger = open_browser(color_scheme=theme)
    stranger.expects("404")
    faults = [fault for path in PUBLIC for fault in check(stranger, path)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_for_users(open_browser: Callable[..., BrowserUser], theme: Theme) -> None:
    ada = open_browser(color_scheme=theme).sign_up("ada")
    ben = open_browser().sign_up("ben")
    ada.follow(ben)
    post = ben.post(f"Low tide #sea @{ada.username}", spoiler_text="")
    ben.post(f"@{ada.username} A secret", visibility="direct")
    ada.page.goto("/")
    ada.see_after_reload(["Low tide"])
    own = ada.post("High tide")["id"]
    forms = (f"/posts/{own}/edit", f"/posts/{own}/delete", f"/@{ada.username}/{own}/history")
    paths = (*PRIVATE, *forms, f"/@{ben.username}", f"/@{ben.username}/{post['id']}", "/tags/sea")
    faults = [fault for path in paths for fault in check(ada, path)]
    assert not faults, "\n".join(faults)


def test_text_of_twice_the_size_fits_a_narrow_phone(ada: BrowserUser, ben: BrowserUser) -> None:
    """WCAG 1.4.4 and 1.4.10 together: a long name, a product at a long price, a shop, a thread."""
    shop = ben.api("POST", "/api/shop/v1/shops", {"name": "Wares", "currency": "EUR"})
    variants = [{"name": "", "price": 12_345_678, "stock": 9}]
    product = {"shop": shop["id"], "title": "Unforgettable", "variants": variants}
    made = ben.api("POST", "/api/shop/v1/products", product)
    ben.api(
        "PATCH", "/api/v1/accounts/update_credentials", {"display_name": "Bartholomew Featherstone"}
    )
    text = f"Sold to @{ada.username}"
    ada.follow(ben)
    post = ben.post(text, product_ids=[made["id"]])
    ada.page.goto("/")
    ada.see_after_reload([text, "Unforgettable"])
    ada.page.set_viewport_size({"width": 320, "height": 700})
    ada.page.goto("/notifications")
    ada.see_after_reload([text])
    thread = f"/@{ben.username}/{post['id']}"
    faults = []
    for path in ("/", thread, "/notifications", "/shop", f"/shops/{shop['id']}", "/explore"):
        ada.page.goto(path)
        ada.page.evaluate("document.documentElement.style.fontSize = '200%'")
        wide = ada.page.evaluate("document.documentElement.scrollWidth")
        if wide > 320:
            beyond = ada.page.evaluate(_BEYOND, 320)
            faults.append(f"{path} is {wide} px wide: {beyond}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_settings_and_relationships(open_browser: Callable[..., BrowserUser], theme: Theme) -> None:
    ada = open_browser(color_scheme=theme).sign_up("ada")
    ben = open_browser().sign_up("ben")
    cleo = open_browser().sign_up("cleo")
    ben.follow(ada)
    ada.api("PATCH", "/api/v1/accounts/update_credentials", {"locked": True})
    cleo.follow(ada)
    id = ada.follow(ben)
    ada.api("POST", f"/api/v1/accounts/{id}/mute")
    ada.page.goto("/settings/follow-requests")
    ada.see_after_reload([f"@{cleo.username}"])
    paths = (
        *(f"/settings{page}" for page in SETTINGS),
        *(f"/@{ben.username}{page}" for page in ("", "/followers", "/following")),
        *(f"/report?account={id}", f"/report/sent?account={id}", "/auth/delete"),
    )
    faults = [fault for path in paths for fault in check(ada, path)]
    ada.api("POST", f"/api/v1/accounts/{id}/block")
    faults += [
        fault for path in ("/settings/blocks", f"/@{ben.username}") for fault in check(ada, path)
    ]
    assert not faults, "\n".join(faults)
