"""New posts: uploads, a failing network, drafts, one post for several clicks; and deletions."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

from PIL import Image
from playwright.sync_api import FilePayload, Locator, expect

from tests.browser.browser_user import BrowserUser
from tests.system.waiting import wait_until

UPLOADS = "**/api/v2/media"


def picture(colour: str = "teal", *, size: int = 640, noise: bool = False) -> FilePayload:
    """A JPEG; with `noise` about a byte for each pixel."""
    image = (
        Image.effect_noise((size, size), 90) if noise else Image.new("RGB", (size, size), colour)
    )
    data = BytesIO()
    image.save(data, "JPEG", quality=95)
    return {"name": f"{colour}.jpg", "mimeType": "image/jpeg", "buffer": data.getvalue()}


def choose(person: BrowserUser, *files: FilePayload) -> None:
    """Choose files on the page of a new post."""
    person.page.locator("#picker").set_input_files(list(files))


def rows(person: BrowserUser) -> Locator:
    return person.page.locator("draft-picture")


def descriptions(person: BrowserUser) -> Locator:
    """The descriptions of the chosen pictures."""
    return rows(person).get_by_label("Description")


def uploaded(person: BrowserUser, count: int) -> None:
    """Wait until so many pictures are uploaded."""
    expect(person.page.locator('draft-picture:not([data-id=""])')).to_have_count(count)


def write(person: BrowserUser, text: str) -> None:
    person.page.get_by_label("Caption").fill(text)


def empty(person: BrowserUser) -> None:
    """Wait until the page has looked for a draft, and see that there is none."""
    person.page.wait_for_selector("compose-form[data-ready]")
    expect(person.page.get_by_label("Caption")).to_have_value("")


def kept(person: BrowserUser) -> None:
    """Wait until the draft is kept."""
    person.see("Draft kept in this browser")


def send(person: BrowserUser) -> None:
    person.page.get_by_role("button", name="Post", exact=True).click()


def posted(person: BrowserUser) -> None:
    """Wait until the page of the new post is open."""
    person.page.wait_for_url(re.compile(rf"/@{person.username}/\d+$"))


def sent(person: BrowserUser) -> None:
    """Post, and come to the page of the post."""
    send(person)
    posted(person)


def log_out(person: BrowserUser) -> None:
    person.page.get_by_role("button", name="Log out").click()
    expect(person.page.get_by_role("link", name="Log in").first).to_be_visible()


def statuses(person: BrowserUser) -> list[Any]:
    me = person.api("GET", "/api/v1/accounts/verify_credentials")
    found: list[Any] = person.api("GET", f"/api/v1/accounts/{me['id']}/statuses")
    return found


def first_statuses(person: BrowserUser) -> list[Any]:
    """Their posts as soon as there are any: the list follows the post a moment later."""
    return wait_until(lambda: statuses(person), what="a post in the list")


def shown(person: BrowserUser) -> Any:
    """The post whose page is open, from the API."""
    return person.api("GET", f"/api/v1/statuses/{person.page.url.rpartition('/')[2]}")


def test_an_upload_shows_its_progress_and_can_be_canceled(ada: BrowserUser) -> None:
    ada.page.goto("/new")
    network = ada.context.new_cdp_session(ada.page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 200_000}
    network.send("Network.emulateNetworkConditions", slow)
    choose(ada, picture(size=1200, noise=True))
    progress = rows(ada).get_by_role("progressbar", name="Upload")
    expect(progress).not_to_have_js_property("value", 0)
    assert progress.evaluate("bar => bar.value") < 1
    rows(ada).get_by_role("button", name="Cancel").click()
    expect(rows(ada)).to_contain_text("The upload is canceled.")
    network.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    rows(ada).get_by_role("button", name="Try again").click()
    uploaded(ada, 1)
    expect(progress).to_be_hidden()


def test_an_upload_goes_on_after_a_failing_network(ada: BrowserUser) -> None:
    ada.expects("ERR_FAILED|ERR_INTERNET_DISCONNECTED")
    ada.page.goto("/new")
    ada.page.route(UPLOADS, lambda route: route.abort())
    write(ada, "Low tide")
    choose(ada, picture())
    expect(rows(ada)).to_contain_text("No connection")
    send(ada)
    ada.see("A picture is not uploaded.")
    ada.page.unroute(UPLOADS)
    uploaded(ada, 1)  # by itself
    sent(ada)
    assert len(shown(ada)["media_attachments"]) == 1


def test_a_lost_connection_costs_nothing(ada: BrowserUser) -> None:
    ada.expects("ERR_INTERNET_DISCONNECTED")
    ada.page.goto("/new")
    write(ada, "Low tide")
    choose(ada, picture())
    uploaded(ada, 1)
    ada.context.set_offline(True)
    send(ada)
    ada.see("No connection. What you typed is kept.")
    ada.context.set_offline(False)
    posted(ada)  # by itself
    assert len(first_statuses(ada)) == 1


def test_a_failing_service_costs_nothing(ada: BrowserUser) -> None:
    ada.expects("503")
    ada.page.goto("/new")
    write(ada, "Low tide")
    failure = {"status": 503, "json": {"error": "A part of this server is not responding."}}
    ada.page.route("**/api/v1/statuses", lambda route: route.fulfill(**failure))
    send(ada)
    ada.see("A part of this server is not responding. It is tried again by itself.")
    ada.page.unroute("**/api/v1/statuses")
    posted(ada)
    assert len(first_statuses(ada)) == 1


def test_a_session_that_ended_costs_nothing(ada: BrowserUser) -> None:
    ada.expects("401")
    ada.page.goto("/new")
    write(ada, "Low tide")
    kept(ada)
    ada.context.clear_cookies()
    send(ada)
    ada.page.wait_for_url("**/login?next=%2Fnew")
    ada.log_in(ada.username)
    expect(ada.page.get_by_label("Caption")).to_have_value("Low tide")
    sent(ada)


def test_a_lost_answer_makes_one_post(ada: BrowserUser) -> None:
    ada.expects("ERR_FAILED")
    ada.page.goto("/new")
    write(ada, "Low tide")

    def lose(route: Any) -> None:
        route.fetch()
        route.abort()

    ada.page.route("**/api/v1/statuses", lose)
    send(ada)
    ada.see("No connection. What you typed is kept.")
    ada.page.unroute("**/api/v1/statuses")
    posted(ada)
    assert len(first_statuses(ada)) == 1


def test_two_clicks_make_one_post(ada: BrowserUser) -> None:
    ada.page.goto("/new")
    write(ada, "Low tide")
    ada.page.get_by_role("button", name="Post", exact=True).dblclick()
    posted(ada)
    assert len(first_statuses(ada)) == 1


def test_a_draft_survives_a_reload(ada: BrowserUser) -> None:
    page = ada.page
    page.goto("/new")
    write(ada, "Low tide")
    page.get_by_label("Who can see it").select_option("unlisted")
    choose(ada, picture("teal"), picture("coral"))
    uploaded(ada, 2)
    descriptions(ada).nth(0).fill("Teal")
    descriptions(ada).nth(1).fill("Coral")
    rows(ada).nth(0).locator(".preview").click(position={"x": 3, "y": 3})
    rows(ada).nth(0).get_by_role("button", name="Move down").click()
    kept(ada)
    page.reload()
    ada.see("Your unfinished post is back.")
    expect(page.get_by_label("Caption")).to_have_value("Low tide")
    expect(descriptions(ada).nth(0)).to_have_value("Coral")
    expect(rows(ada).nth(1).locator("img")).to_have_js_property("complete", True)
    sent(ada)
    post = shown(ada)
    assert post["visibility"] == "unlisted"
    assert [one["description"] for one in post["media_attachments"]] == ["Coral", "Teal"]
    focus = post["media_attachments"][1]["meta"]["focus"]
    assert (focus["x"] < -0.8, focus["y"] > 0.8) == (True, True)
    page.goto("/new")
    empty(ada)
    expect(rows(ada)).to_have_count(0)


def test_a_draft_whose_upload_was_cut_off_is_uploaded_after_a_reload(ada: BrowserUser) -> None:
    ada.expects("ERR_FAILED")
    ada.page.goto("/new")
    ada.page.route(UPLOADS, lambda route: route.abort())
    choose(ada, picture())
    kept(ada)
    ada.page.unroute(UPLOADS)
    ada.page.reload()
    uploaded(ada, 1)


def test_drafts_are_of_one_person(ada: BrowserUser, ben: BrowserUser) -> None:
    page, ada_name = ada.page, ada.username
    page.goto("/new")
    write(ada, "Secret")
    kept(ada)
    log_out(ada)
    page.goto("/login")
    ada.log_in(ben.username)
    page.wait_for_url("**/")
    page.goto("/new")
    empty(ada)
    log_out(ada)
    page.goto("/login")
    ada.log_in(ada_name)
    page.wait_for_url("**/")
    page.goto("/new")
    empty(ada)


def test_a_draft_can_be_discarded(ada: BrowserUser) -> None:
    page = ada.page
    page.goto("/new")
    write(ada, "Low tide")
    kept(ada)
    page.get_by_role("link", name="Discard").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_label("Caption")).to_have_value("Low tide")
    page.get_by_role("link", name="Discard").click()
    page.get_by_role("dialog").get_by_role("button", name="Discard").click()
    expect(page.get_by_label("Caption")).to_have_value("")
    page.reload()
    empty(ada)


def test_a_draft_that_another_tab_posted_is_not_posted_again(ada: BrowserUser) -> None:
    ada.page.goto("/new")
    write(ada, "Low tide")
    kept(ada)
    other = ada.new_page()
    other.goto("/new")
    expect(other.get_by_label("Caption")).to_have_value("Low tide")
    sent(ada)
    expect(other.get_by_label("Caption")).to_have_value("")


def test_wrong_files_are_said_beside_them(ada: BrowserUser) -> None:
    ada.expects("422")
    ada.page.goto("/new")
    write(ada, "Low tide")
    text: FilePayload = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"Hello"}
    forged: FilePayload = {"name": "b.jpg", "mimeType": "image/jpeg", "buffer": b"Hello"}
    large: FilePayload = {"name": "c.jpg", "mimeType": "image/jpeg", "buffer": bytes(20 << 20)}
    choose(ada, text, forged, large, picture())
    expect(rows(ada).nth(0)).to_contain_text("a.txt: this is not a picture.")
    expect(rows(ada).nth(1).locator(".fault")).not_to_be_empty()
    expect(rows(ada).nth(2)).to_contain_text("c.jpg: it is too large, at most 16 MB.")
    uploaded(ada, 1)
    for _ in range(3):
        rows(ada).nth(0).get_by_role("button", name="Remove").click()
    sent(ada)
    assert len(shown(ada)["media_attachments"]) == 1


def test_all_of_it_works_by_keyboard(ada: BrowserUser, ben: BrowserUser) -> None:
    page = ada.page
    page.goto("/new")
    choose(ada, picture("teal"), picture("coral"))
    uploaded(ada, 2)
    descriptions(ada).nth(1).fill("Coral")
    up = rows(ada).nth(1).get_by_role("button", name="Move up")
    up.focus()
    page.keyboard.press("Enter")
    expect(rows(ada).nth(0).get_by_role("button", name="Move up")).to_be_focused()
    expect(page.locator("#spoken")).to_have_text("Picture 1 of 2")
    caption = page.get_by_label("Caption")
    caption.focus()
    caption.press_sequentially(f"With @{ben.username}")
    suggestions = page.get_by_role("listbox", name="Suggestions")
    expect(suggestions.get_by_role("option").first).to_contain_text(ben.username)
    expect(suggestions.get_by_role("option", selected=True)).to_have_count(0)
    page.keyboard.press("ArrowDown")
    expect(suggestions.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(caption).to_have_value(f"With @{ben.username} ")
    page.keyboard.press("Control+Enter")
    posted(ada)
    post = shown(ada)
    assert [one["username"] for one in post["mentions"]] == [ben.username]
    assert post["media_attachments"][0]["description"] == "Coral"


def test_pictures_are_ordered_by_drag(ada: BrowserUser) -> None:
    page = ada.page
    page.goto("/new")
    choose(ada, picture("teal"), picture("coral"))
    uploaded(ada, 2)
    descriptions(ada).nth(1).fill("Coral")
    rows(ada).nth(1).locator("[data-handle]").hover()
    page.mouse.down()
    target = rows(ada).nth(0).bounding_box()
    assert target
    page.mouse.move(target["x"] + 20, target["y"] + 5, steps=8)
    page.mouse.up()
    expect(descriptions(ada).nth(0)).to_have_value("Coral")


def test_products_are_tagged(ada: BrowserUser) -> None:
    shop = ada.api("POST", "/api/shop/v1/shops", {"name": "Pottery", "currency": "EUR"})
    variants = [{"name": "blue", "price": 2400, "stock": 3}]
    product = {"shop": shop["id"], "title": "Blue mug", "variants": variants}
    ada.api("POST", "/api/shop/v1/products", product)
    page = ada.page
    page.goto("/new")
    write(ada, "Tea")
    field = page.get_by_role("combobox", name="Products in the pictures")
    option = page.get_by_role("option", name="Blue mug")
    for _ in range(30):  # until the shop's list has it
        field.focus()
        page.wait_for_timeout(500)
        if option.count():
            break
        field.blur()
    option.click()
    expect(page.get_by_role("checkbox", name="Blue mug")).to_be_checked()
    sent(ada)
    assert [one["title"] for one in shown(ada)["products"]] == ["Blue mug"]


def test_a_post_is_deleted_without_leaving_the_list(ada: BrowserUser) -> None:
    post = ada.post("Low tide")
    ada.page.goto("/")
    ada.see_after_reload(["Low tide"])
    card = ada.page.locator(f'post-card[data-id="{post["id"]}"]')
    card.locator("details.menu summary").click()
    card.get_by_role("link", name="Delete").click()
    ada.page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    ada.see("The post is deleted.")
    expect(card).to_have_count(0)


def test_a_redraft_has_the_text_and_pictures_of_the_deleted_post(ada: BrowserUser) -> None:
    page = ada.page
    page.goto("/new")
    write(ada, "Low tide")
    choose(ada, picture())
    descriptions(ada).fill("Teal")
    sent(ada)
    first = page.url
    ada.see_after_reload(["Low tide"])
    page.locator("details.menu summary").first.click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete and redraft").click()
    page.wait_for_url("**/new")
    expect(page.get_by_label("Caption")).to_have_value("Low tide")
    expect(descriptions(ada)).to_have_value("Teal")
    sent(ada)
    assert page.url != first
    assert shown(ada)["media_attachments"][0]["description"] == "Teal"


def test_a_post_is_made_without_scripts(open_browser: Callable[..., BrowserUser]) -> None:
    ada = open_browser(java_script_enabled=False).sign_up("ada")
    page = ada.page
    page.goto("/new")
    page.get_by_label("File").first.set_input_files([picture()])
    page.get_by_label("Description").first.fill("Teal")
    page.get_by_role("button", name="Upload, and add more").click()
    expect(rows(ada).locator("img")).to_be_visible()
    expect(descriptions(ada).first).to_have_value("Teal")
    write(ada, "Low tide")
    sent(ada)
    assert shown(ada)["media_attachments"][0]["description"] == "Teal"


def test_a_redraft_of_the_page_that_asks_survives_a_reload(ada: BrowserUser) -> None:
    page = ada.page
    post = ada.post("Low tide")
    page.goto(f"/posts/{post['id']}/delete")
    page.get_by_role("button", name="Delete and redraft").click()
    expect(page.get_by_label("Caption")).to_have_value("Low tide")
    kept(ada)
    page.reload()
    ada.see("Your unfinished post is back.")
    expect(page.get_by_label("Caption")).to_have_value("Low tide")
    assert page.url.endswith("/new")
    assert statuses(ada) == []


def test_a_redraft_asks_before_it_takes_the_place_of_a_draft(ada: BrowserUser) -> None:
    page = ada.page
    page.goto("/new")
    write(ada, "Unfinished")
    kept(ada)
    post = ada.post("Low tide")
    page.goto("/")
    ada.see_after_reload(["Low tide"])
    card = page.locator(f'post-card[data-id="{post["id"]}"]')
    dialog = page.get_by_role("dialog")
    for answer in ("Cancel", "Replace it"):
        if not card.locator("details.menu[open]").count():
            card.locator("details.menu summary").click()
        card.get_by_role("link", name="Delete").click()
        dialog.get_by_role("button", name="Delete and redraft").click()
        dialog.get_by_role("button", name=answer).click()
        if answer == "Cancel":
            assert len(first_statuses(ada)) == 1
    page.wait_for_url("**/new")
    expect(page.get_by_label("Caption")).to_have_value("Low tide")
