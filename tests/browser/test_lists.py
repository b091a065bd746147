"""Lists after Back, and what is posted meanwhile."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.browser_user import BrowserUser
from tests.browser.test_compose import choose, picture, sent, uploaded, write
from tests.system.waiting import wait_until

POST = re.compile(r"/@\w+/\d+$")
PILL = re.compile("new post")

_SHOW = """hidden => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def card(page: Page, text: str) -> Locator:
    return page.locator("post-card", has=page.get_by_text(text, exact=True))


def open_post(page: Page, text: str) -> None:
    """Go from a list to the page of a post."""
    card(page, text).locator("a.moment").click()
    page.wait_for_url(POST)


def scroll_to(page: Page, text: str) -> None:
    """Scroll until the list has loaded a post."""
    found = page.get_by_text(text, exact=True)
    for _ in range(200):
        if found.count():
            break
        page.mouse.wheel(0, 2000)
        page.wait_for_timeout(100)
    found.scroll_into_view_if_needed()


def on_home(person: BrowserUser, id: str) -> bool:
    """Whether the server has a post on the home page of a person."""
    posts = person.api("GET", "/api/v1/timelines/home?limit=40")
    return id in [post["id"] for post in posts]


def test_pictures_of_a_restored_list_can_be_turned(ada: BrowserUser, ben: BrowserUser) -> None:
    ada.follow(ben)
    ben.page.goto("/new")
    choose(ben, picture("teal"), picture("coral"))
    uploaded(ben, 2)
    write(ben, "Two tides")
    sent(ben)
    for number in range(20):  # the first page is loaded again after Back, the second one is not
        ben.post(f"Post number {number}.")
    page = ada.page
    page.goto("/")
    ada.see_after_reload(["Post number 19."])
    scroll_to(page, "Two tides")
    open_post(page, "Two tides")
    page.go_back()
    pictures = card(page, "Two tides").locator("photo-carousel")
    expect(pictures).to_be_in_viewport()
    following = pictures.get_by_role("button", name="Next picture")
    expect(following).to_have_count(1)
    expect(pictures.locator(".position")).to_have_text("1/2")
    following.click()
    expect(pictures.locator(".position")).to_have_text("2/2")


def test_a_restored_list_shows_what_changed_meanwhile(ada: BrowserUser, ben: BrowserUser) -> None:
    ada.follow(ben)
    gone = ben.post("Ebb.")
    ben.post("Low tide.")
    ben.post("High tide.")
    page = ada.page
    page.goto("/")
    ada.see_after_reload(["Ebb.", "Low tide.", "High tide."])
    card(page, "Low tide.").get_by_label("Your comment").fill("Half a thought")
    open_post(page, "High tide.")
    with page.expect_response("**/favourite"):
        page.get_by_role("button", name="Like").click()
    ben.api("DELETE", f"/api/v1/statuses/{gone['id']}")
    wait_until(lambda: not on_home(ada, gone["id"]))
    new = ben.post("Flood.")
    wait_until(lambda: on_home(ada, new["id"]))
    page.go_back()
    like = card(page, "High tide.").get_by_role("button", name="Like")
    expect(like).to_have_attribute("aria-pressed", "true")
    expect(card(page, "Ebb.")).to_have_count(0)
    expect(card(page, "Low tide.").get_by_label("Your comment")).to_have_value("Half a thought")
    pill = page.get_by_role("button", name=PILL)
    expect(pill).to_have_text("1 new post")
    pill.click()
    expect(page.locator("article").first).to_contain_text("Flood.")
    expect(page.locator("post-card")).to_have_count(3)


def test_more_new_posts_than_a_page_leave_no_gap(ada: BrowserUser, ben: BrowserUser) -> None:
    page = ada.page
    ada.open_home_with("Old tide.", by=ben)
    for number in range(25):
        ben.post(f"Tide {number}.")
    pill = page.get_by_role("button", name=PILL)
    expect(pill).to_have_text("25 new posts")
    pill.click()
    ada.see("Tide 24.")
    scroll_to(page, "Old tide.")
    for number in range(25):
        expect(card(page, f"Tide {number}.")).to_have_count(1)


def test_an_empty_home_page_announces_its_first_posts(ada: BrowserUser, ben: BrowserUser) -> None:
    page = ada.page
    page.goto("/")
    ada.see(f"Welcome, @{ada.username}")
    ada.follow(ben)
    pill = page.get_by_role("button", name=PILL)
    for number in range(30):  # until the feed knows of the follow
        ben.post(f"Tide {number}.")
        page.wait_for_timeout(1000)
        if pill.count():
            break
    pill.click()
    expect(page.locator("post-card").first).to_contain_text("Tide")
    expect(page.get_by_text("Welcome, @")).to_have_count(0)


def test_a_page_that_nobody_sees_has_no_stream(ada: BrowserUser, ben: BrowserUser) -> None:
    page = ada.page
    ada.open_home_with("Low tide.", by=ben)
    page.evaluate(_SHOW, True)
    other = ada.new_page()
    with other.expect_response("**/streaming/user"):
        other.goto("/")
    new = ben.post("High tide.")
    pill = page.get_by_role("button", name=PILL)
    expect(other.get_by_role("button", name=PILL)).to_have_text("1 new post")
    wait_until(lambda: on_home(ada, new["id"]))
    expect(pill).to_have_count(0)
    page.evaluate(_SHOW, False)
    expect(pill).to_have_text("1 new post")
