"""What goes wrong: killed services, ended sessions, lost connections, two tabs, no scripts."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.browser_user import BrowserUser

NO_ANSWER = r"Failed to load resource.*(50\d|ERR_|401)"


@pytest.fixture
def post(ada: BrowserUser, ben: BrowserUser) -> str:
    """A post of ben on the home page of ada, which is open. Gives its path."""
    [made] = ada.open_home_with("Low tide", by=ben)
    return str(made["url"]).removeprefix(ben.system.base)


def test_a_killed_service_costs_nothing_that_was_typed(ada: BrowserUser, post: str) -> None:
    ada.expects(NO_ANSWER)
    field = ada.page.get_by_label("Your comment")
    send = ada.page.get_by_role("button", name="Post", exact=True)
    field.fill("I was there")
    ada.system.kill("posts")
    send.click()
    expect(ada.page.locator("#toast")).to_have_text(re.compile(r"not responding|Your comment"))
    for _ in range(30):
        if not field.input_value():
            break
        expect(field).to_have_value("I was there")
        send.click()
        ada.page.wait_for_timeout(500)
    ada.page.goto(post)
    ada.see_after_reload(["I was there"])
    expect(ada.page.get_by_text("I was there")).to_have_count(1)


def test_an_ended_session_leads_to_the_login_and_back(ada: BrowserUser, post: str) -> None:
    ada.page.goto(post)
    ada.expects(NO_ANSWER)
    ada.context.clear_cookies()
    ada.page.get_by_role("button", name="Like").click()
    ada.page.wait_for_url("**/login?next=**")
    ada.log_in(ada.username)
    ada.page.wait_for_url(f"**{post}")


def test_who_logs_out_in_one_tab_is_asked_in_the_other(ada: BrowserUser, post: str) -> None:
    other = ada.new_page()
    other.goto(post)
    ada.expects(NO_ANSWER)
    ada.page.get_by_role("button", name="Log out").click()
    ada.see("Photographs, and the people who take them.")
    other.get_by_role("button", name="Like").click()
    other.wait_for_url("**/login?next=**")
    expect(ada.page.get_by_text("Low tide")).to_have_count(0)


def test_the_last_home_page_is_readable_without_a_connection(ada: BrowserUser, post: str) -> None:
    ada.page.wait_for_function("navigator.serviceWorker.controller !== null")
    ada.page.reload()
    ada.expects(r"ERR_INTERNET_DISCONNECTED|Failed to load resource|EventSource")
    ada.context.set_offline(True)
    ada.page.goto("/")
    ada.see("Low tide")
    ada.page.goto("/notifications")
    ada.see("This page is not on your device.")
    ada.context.set_offline(False)
    ada.page.goto("/notifications")
    expect(ada.page.get_by_role("heading", name="Notifications")).to_be_visible()


def test_a_search_that_fails_while_one_types_leaves_the_page_alone(ada: BrowserUser) -> None:
    page = ada.page
    page.goto("/explore")
    ada.expects(NO_ANSWER)
    searches = re.compile(r"/explore\?q=")
    held: list[Route] = []
    page.route(searches, lambda route: held.append(route))
    field = page.get_by_role("searchbox", name="Search")
    toast = page.locator("#toast")
    with page.expect_request(searches):
        field.fill("low")
    with page.expect_request(searches):
        field.fill("low tide")
    wait_until_held(page, held, 2)
    with page.expect_event("requestfailed"):
        held[0].abort()  # nobody waits for its results any more
    expect(page.locator("#results")).to_have_attribute("aria-busy", "true")
    expect(toast).to_have_text("")
    held[1].abort()
    expect(toast).to_have_text("That did not work. Please try again.")
    expect(page).to_have_url(re.compile("/explore$"))
    expect(field).to_have_value("low tide")
    page.unroute(searches)
    field.press("Enter")
    expect(page).to_have_url(re.compile(r"/explore\?q=low%20tide$"))


def wait_until_held(page: Page, held: list[Route], count: int) -> None:
    """Wait for requests that are routed."""
    for _ in range(100):
        if len(held) == count:
            return
        page.wait_for_timeout(100)
    assert len(held) == count


def test_arrow_keys_lead_through_the_posts_of_a_list(ada: BrowserUser, ben: BrowserUser) -> None:
    ada.follow(ben)
    for text in ("Low tide", "High tide", "Ebb"):
        ben.post(text)
    ada.page.goto("/")
    ada.see_after_reload(["Low tide", "High tide", "Ebb"])
    ada.page.locator("post-card", has_text="High tide").locator("a.moment").click()
    expect(ada.page.get_by_role("link", name="Next post")).to_be_visible()
    ada.page.keyboard.press("ArrowRight")
    ada.see("Low tide")
    ada.page.keyboard.press("ArrowLeft")
    ada.see("High tide")
    ada.page.keyboard.press("ArrowLeft")
    ada.see("Ebb")
    expect(ada.page.get_by_role("link", name="Previous post")).to_be_hidden()


def test_everything_works_without_scripts(
    open_browser: Callable[..., BrowserUser], ben: BrowserUser
) -> None:
    ada = open_browser(java_script_enabled=False).sign_up("ada")
    page = ada.page
    made = ben.post("Low tide")
    page.goto(f"/@{ben.username}")
    page.get_by_role("button", name="Follow", exact=False).first.click()
    page.goto(str(made["url"]))
    page.get_by_role("button", name="Like").click()
    expect(page.get_by_role("button", name="Like")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Your comment").fill("I was there")
    page.get_by_role("button", name="Post", exact=True).click()
    ada.see_after_reload(["I was there"])
    page.goto(f"/explore?q={ben.username}")
    ada.see(f"@{ben.username}")
    page.goto("/messages")
    page.get_by_text("New message").click()
    page.get_by_label("To (username)").fill(ben.username)
    page.get_by_label("Message", exact=True).fill("Meet me at the pier")
    page.get_by_role("button", name="Send").click()
    ada.see("Meet me at the pier")
    ben.page.goto("/messages")
    ben.see_after_reload(["Meet me at the pier"])
