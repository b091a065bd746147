"""The settings and profiles, with what scripts add to them."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from PIL import Image
from playwright.sync_api import FilePayload, expect

from tests.browser.browser_user import BrowserUser
from tests.browser.test_access import RULES
from tests.system.users import PASSWORD

NEW_PASSWORD = "difference engine"
RED, BLUE = (200, 30, 30), (30, 30, 200)


def halves() -> FilePayload:
    """A picture that is red on the left and blue on the right, as a file to choose."""
    image = Image.new("RGB", (600, 300), RED)
    image.paste(BLUE, (300, 0, 600, 300))
    out = BytesIO()
    image.save(out, "PNG")
    return {"name": "halves.png", "mimeType": "image/png", "buffer": out.getvalue()}


def colours(user: BrowserUser, kind: str) -> list[str]:
    """Whether the left and the right of the saved picture are more red or more blue."""
    me = user.api("GET", "/api/v1/accounts/verify_credentials")
    image = Image.open(BytesIO(user.context.request.get(me[kind]).body())).convert("RGB")
    names = []
    for tenths in (1, 9):
        red, _, blue = image.crop((image.width * tenths // 10, 0, image.width, 1)).tobytes()[:3]
        names.append("red" if red > blue else "blue")
    return names


def test_a_new_password_ends_the_session_of_another_browser(
    ada: BrowserUser, open_browser: Callable[..., BrowserUser]
) -> None:
    other = open_browser()
    other.page.goto("/login?next=/settings")
    other.log_in(ada.username)
    other.see("Sessions and apps")
    page = ada.page
    page.goto("/settings/account")
    page.get_by_label("Current password").fill("wrong password")
    page.get_by_label("New password").fill(NEW_PASSWORD)
    ada.expects("422")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_label("Current password")).to_have_accessible_description(
        "Current password is wrong."
    )
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Change password").click()
    ada.see("Your password is changed. All other sessions have ended.")
    page.goto("/settings/sessions")
    expect(page.get_by_role("listitem").filter(has_text="This browser")).to_have_count(1)
    expect(page.get_by_role("button", name="End:")).to_have_count(0)
    other.expects("401")
    other.page.goto("/settings/privacy")
    for _ in range(60):
        if "/login" in other.page.url:
            break
        other.page.wait_for_timeout(500)  # until all processes know that the token is revoked
        other.page.goto("/settings/privacy")
    expect(other.page.get_by_role("heading", name="Log in to")).to_be_visible()


def test_a_picture_is_cropped_by_keyboard(ada: BrowserUser) -> None:
    page = ada.page
    page.goto("/settings/profile")
    page.get_by_label("Picture", exact=True).set_input_files([halves()])
    crop = page.locator("crop-picture", has=page.locator("#avatar"))
    slider = crop.get_by_label("Left to right")
    slider.focus()
    page.keyboard.press("End")
    expect(slider).to_have_value("1")
    page.get_by_label("Header picture", exact=True).set_input_files([halves()])
    expect(page.get_by_role("img", name="Part of the picture")).to_have_count(2)
    found = Axe().run(page, options=RULES)
    assert not found.violations_count, found.generate_report()
    page.get_by_role("button", name="Save").click()
    ada.see("Saved.")
    assert colours(ada, "avatar") == ["blue", "blue"]
    assert colours(ada, "header") == ["red", "blue"]


def test_a_picture_is_cropped_by_dragging(ada: BrowserUser) -> None:
    page = ada.page
    page.goto("/settings/profile")
    page.get_by_label("Picture", exact=True).set_input_files([halves()])
    box = page.get_by_role("img", name="Part of the picture").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 100, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Save").click()
    ada.see("Saved.")
    assert colours(ada, "avatar") == ["red", "red"]


def test_a_follow_that_fails_is_taken_back(ada: BrowserUser, ben: BrowserUser) -> None:
    page = ada.page
    page.goto(f"/@{ben.username}")
    page.route("**/follow", lambda route: route.abort())
    ada.expects("Failed to load resource")
    page.get_by_role("button", name="Follow").click()
    ada.see("No connection")
    expect(page.get_by_role("button", name="Follow")).to_be_visible()
    page.unroute("**/follow")
    with page.expect_response("**/follow"):  # the button changes before, and a reload would end it
        page.get_by_role("button", name="Follow").click()
    page.reload()
    expect(page.get_by_role("button", name="Unfollow")).to_be_visible()


def test_a_follow_of_a_locked_account_becomes_a_request(ada: BrowserUser, ben: BrowserUser) -> None:
    ben.api("PATCH", "/api/v1/accounts/update_credentials", {"locked": True})
    page = ada.page
    page.goto(f"/@{ben.username}")
    page.get_by_role("button", name="Follow").click()
    expect(page.get_by_role("button", name="Withdraw request")).to_be_visible()
    ben.page.goto("/settings/follow-requests")
    ben.see_after_reload([f"@{ada.username}"])
    ben.page.get_by_role("button", name="Accept").click()
    ben.see("Nobody is waiting for your answer.")
    page.reload()
    ada.see_after_reload(["Unfollow"])


def test_the_theme_is_remembered_and_applied_in_all_windows(ada: BrowserUser) -> None:
    page, tab = ada.page, ada.new_page()
    tab.goto("/explore")
    page.goto("/settings/appearance")
    page.get_by_label("Dark").check()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(tab.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/settings/appearance")
    expect(page.get_by_label("Dark")).to_be_checked()
    page.get_by_label("As on this device").check()
    expect(tab.locator("html")).not_to_have_attribute("data-theme", "dark")


def test_settings_work_without_scripts(open_browser: Callable[..., BrowserUser]) -> None:
    ada = open_browser(java_script_enabled=False).sign_up("ada")
    page = ada.page
    page.goto("/settings/profile")
    page.get_by_label("Name", exact=True).fill("Ada L.")
    page.get_by_label("About you").fill("Bridges.\nMostly.")
    page.get_by_label("Picture", exact=True).set_input_files([halves()])
    page.get_by_role("button", name="Save").click()
    ada.see("Saved.")
    page.get_by_role("link", name="View profile").click()
    expect(page.get_by_role("heading", name="Ada L.")).to_be_visible()
    assert colours(ada, "avatar") == ["red", "blue"]
    page.goto("/settings/appearance")
    ada.see("To choose a theme, allow scripts")
    expect(page.get_by_label("Dark")).to_be_disabled()
