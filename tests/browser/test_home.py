"""The home page: likes, comments, news, and the place in a long list."""

from __future__ import annotations

import re

from playwright.sync_api import Route, expect

from tests.browser.browser_user import BrowserUser


def test_a_like_shows_at_once_and_stays(ada: BrowserUser, ben: BrowserUser) -> None:
    [post] = ada.open_home_with("Low tide", by=ben)
    card = ada.page.locator(f'post-card[data-id="{post["id"]}"]')
    like = card.get_by_role("button", name="Like")
    with ada.page.expect_response("**/favourite"):
        like.click()
        expect(like).to_have_attribute("aria-pressed", "true")
    expect(card.locator("[data-count]").first).to_have_text("1")
    ada.page.goto(f"/@{ben.username}/{post['id']}")
    expect(like).to_have_attribute("aria-pressed", "true")


def test_a_like_that_fails_is_taken_back(ada: BrowserUser, ben: BrowserUser) -> None:
    ada.open_home_with("Low tide", by=ben)
    ada.expects("Failed to load resource")
    ada.page.route("**/favourite", lambda route: route.abort())
    like = ada.page.get_by_role("button", name="Like")
    like.click()
    ada.see("No connection")
    expect(like).to_have_attribute("aria-pressed", "false")


def test_a_comment_does_not_leave_the_page(ada: BrowserUser, ben: BrowserUser) -> None:
    ada.open_home_with("Low tide", by=ben)
    ada.page.get_by_label("Your comment").fill("I was there")
    ada.page.get_by_role("button", name="Post", exact=True).click()
    ada.see("Your comment is posted.")
    ada.page.locator("a.moment").first.click()
    ada.see_after_reload(["I was there"])


def test_quick_likes_arrive_one_after_the_other(ada: BrowserUser, ben: BrowserUser) -> None:
    page = ada.page
    [post] = ada.open_home_with("Low tide", by=ben)
    held: list[Route] = []
    page.route("**/favourite", lambda route: held.append(route))
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url.rpartition("/")[2]))
    like = page.get_by_role("button", name="Like")
    with page.expect_request("**/favourite"):
        like.click()
    expect(like).to_have_attribute("aria-pressed", "true")
    like.click()
    expect(like).to_have_attribute("aria-pressed", "false")
    assert "unfavourite" not in sent
    with page.expect_response("**/unfavourite"):
        held[0].continue_()
    expect(like).to_have_attribute("aria-pressed", "false")
    expect(page.locator("[data-count]").first).to_have_text("0")
    assert not ada.api("GET", f"/api/v1/statuses/{post['id']}")["favourited"]


def test_a_like_that_fails_after_it_was_taken_back_changes_nothing(
    ada: BrowserUser, ben: BrowserUser
) -> None:
    page = ada.page
    ada.open_home_with("Low tide", by=ben)
    ada.expects("Failed to load resource")
    held: list[Route] = []
    page.route("**/favourite", lambda route: held.append(route))
    like = page.get_by_role("button", name="Like")
    with page.expect_request("**/favourite"):
        like.click()
    like.click()
    expect(like).to_have_attribute("aria-pressed", "false")
    with page.expect_event("requestfailed"):
        held[0].abort()
    expect(page.locator("[data-count]").first).to_have_text("0")
    page.unroute("**/favourite")
    with page.expect_response("**/favourite"):
        like.click()
    expect(like).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-count]").first).to_have_text("1")


def test_a_comment_on_its_way_cannot_be_changed_and_is_counted(
    ada: BrowserUser, ben: BrowserUser
) -> None:
    page = ada.page
    ada.open_home_with("Low tide", by=ben)
    held: list[Route] = []
    page.route("**/api/v1/statuses", lambda route: held.append(route))
    card = page.locator("post-card", has_text="Low tide")
    field = card.get_by_label("Your comment")
    field.fill("I was there")
    with page.expect_request("**/api/v1/statuses"):
        card.get_by_role("button", name="Post", exact=True).click()
    expect(field).not_to_be_editable()
    expect(card.locator("a[data-reply] .count")).to_have_text("0")
    held[0].continue_()
    ada.see("Your comment is posted.")
    expect(field).to_be_editable()
    expect(field).to_have_value("")
    expect(card.locator("a[data-reply] .count")).to_have_text("1")


def test_new_posts_are_announced_and_shown_on_a_click(ada: BrowserUser, ben: BrowserUser) -> None:
    ada.open_home_with("Low tide", by=ben)
    ben.post("High tide")
    pill = ada.page.get_by_role("button", name=re.compile("new post"))
    expect(pill).to_have_text("1 new post")
    pill.click()
    ada.see("High tide")
    expect(pill).to_be_hidden()
    expect(ada.page.locator("article").first).to_contain_text("High tide")


def test_back_and_reload_keep_the_place_in_a_long_list(ada: BrowserUser, ben: BrowserUser) -> None:
    ada.follow(ben)
    for number in range(45):
        ben.post(f"Post number {number}.\n\n" + "A line.\n\n" * 5)
    page = ada.page
    page.goto("/")
    ada.see_after_reload(["Post number 44."])
    oldest = page.get_by_text("Post number 3.", exact=True)
    while not oldest.count():
        page.mouse.wheel(0, 2000)
        page.wait_for_timeout(100)
    oldest.scroll_into_view_if_needed()
    place = page.evaluate("scrollY")
    link = page.locator("post-card", has=oldest).locator("a.moment")
    link.click()
    page.wait_for_url(re.compile(r"/@"))
    page.go_back()
    expect(oldest).to_be_in_viewport()
    assert abs(page.evaluate("scrollY") - place) < 3
    page.reload()
    expect(oldest).to_be_in_viewport()
    assert abs(page.evaluate("scrollY") - place) < 3


def test_the_keys_do_what_they_say(ada: BrowserUser, ben: BrowserUser) -> None:
    page = ada.page
    ada.open_home_with("Low tide", "High tide", by=ben)
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(keys).to_be_visible()
    page.keyboard.press("Escape")
    expect(keys).to_have_count(0)
    page.keyboard.press("j")
    expect(page.locator("article").first).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator("article").nth(1)).to_be_focused()
    page.keyboard.press("l")
    expect(page.get_by_role("button", name="Like").nth(1)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("c")
    expect(page.get_by_label("Your comment").nth(1)).to_be_focused()
    page.keyboard.press("Escape")
    page.locator("article").nth(1).focus()
    page.keyboard.press("o")
    page.wait_for_url(re.compile(r"/@"))
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.wait_for_url("**/explore")


def test_keys_can_be_switched_off(ada: BrowserUser) -> None:
    page = ada.page
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    page.goto("/settings/appearance")
    page.get_by_label("Single keys do something").uncheck()
    page.goto("/notifications")
    page.keyboard.press("?")
    page.keyboard.press("/")
    expect(page).to_have_url(re.compile("/notifications$"))
    expect(keys).to_have_count(0)
    page.goto("/settings/appearance")
    page.get_by_label("Single keys do something").check()
    page.goto("/notifications")
    page.keyboard.press("?")
    expect(keys).to_be_visible()
