"""The shop: two people from an empty shop to a paid and refunded order."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.browser_user import BrowserUser
from tests.browser.test_access import Theme, check
from tests.e2e.pictures import jpeg

SHOP = "/api/shop/v1"


def open_shop(seller: BrowserUser) -> str:
    """Open a shop by its pages. Gives its id."""
    page = seller.page
    page.goto("/selling")
    page.get_by_role("link", name="Open a shop").click()
    page.get_by_label("Name").fill("Pottery")
    page.get_by_role("button", name="Open a shop").click()
    page.wait_for_url(re.compile(r"/selling/shops/\d+$"))
    return page.url.rpartition("/")[2]


def sell(seller: BrowserUser, shop: str, title: str = "Mug") -> str:
    """Sell a product with a picture and two variants by its pages. Gives its id."""
    page = seller.page
    page.goto(f"/selling/shops/{shop}/products/new")
    page.get_by_label("Title").fill(title)
    picture = FilePayload(name="mug.jpg", mimeType="image/jpeg", buffer=jpeg())
    page.get_by_label("Picture", exact=True).set_input_files(picture)
    page.get_by_label("Description of the picture").fill("a blue mug")
    for number, (name, price, stock) in enumerate((("blue", "24", "3"), ("white", "22.50", "5"))):
        row = page.get_by_role("group", name=f"Variant {number + 1}")
        row.get_by_label("Variant").fill(name)
        row.get_by_label("Price in EUR").fill(price)
        row.get_by_label("In stock").fill(stock)
    page.keyboard.press("Enter")  # it sells, and does not ask for more rows
    page.wait_for_url(re.compile(r"/selling/products/\d+$"))
    return page.url.rpartition("/")[2]


def fill_cart(buyer: BrowserUser, product: str, variant: str = "blue", quantity: int = 2) -> None:
    page = buyer.page
    page.goto(f"/products/{product}")
    page.get_by_role("radio", name=variant).check()
    page.get_by_label("Quantity").fill(str(quantity))
    page.get_by_role("button", name="Add to cart").click()
    page.wait_for_url("**/cart")


def pay(page: Page, card: str = "tok_ok") -> None:
    page.goto("/checkout")
    page.get_by_label("Card").select_option(card)
    page.get_by_role("button", name=re.compile("^Pay ")).click()


def orders_of(buyer: BrowserUser) -> list[Any]:
    found: list[Any] = buyer.api("GET", f"{SHOP}/orders")["items"]
    return found


@pytest.fixture
def mug(ben: BrowserUser) -> str:
    """A product of ben's."""
    return sell(ben, open_shop(ben))


def test_two_people_trade_and_watch_it_happen(ada: BrowserUser, ben: BrowserUser, mug: str) -> None:
    fill_cart(ada, mug)
    ada.see("48.00 EUR")
    pay(ada.page, "tok_pending")
    ada.page.wait_for_url(re.compile(r"/orders/\d+$"))
    expect(ada.page.get_by_role("button", name="Cancel the order")).to_be_visible()
    ada.see("Paid and complete")  # without a reload
    expect(ada.page.get_by_role("status")).to_contain_text("Completed")
    address = ada.page.url
    ben.page.goto(address)
    ben.page.get_by_text("Refund", exact=True).click()
    ben.page.get_by_role("button", name="Refund 48.00 EUR").click()
    ben.see("The money was returned")
    ada.page.reload()
    ada.see("The money was returned")
    ben.page.goto("/selling")
    ben.see("0.00 EUR")


def test_two_clicks_on_pay_make_one_order(ada: BrowserUser, mug: str) -> None:
    fill_cart(ada, mug)
    ada.page.goto("/checkout")
    ada.page.get_by_role("button", name=re.compile("^Pay ")).dblclick(no_wait_after=True)
    ada.see("Paid and complete")
    assert len(orders_of(ada)) == 1


def test_two_tabs_make_one_order_of_a_cart(ada: BrowserUser, mug: str) -> None:
    ada.expects("422")
    fill_cart(ada, mug)
    other = ada.new_page()
    for page in (ada.page, other):
        page.goto("/checkout")
    ada.page.get_by_role("button", name=re.compile("^Pay ")).click()
    ada.see("Paid and complete")
    other.get_by_role("button", name=re.compile("^Pay ")).click()
    expect(other.get_by_role("alert")).to_contain_text("Your cart is empty.")
    assert len(orders_of(ada)) == 1


def test_a_declined_card_brings_the_cart_back(ada: BrowserUser, mug: str) -> None:
    ada.expects("422")
    fill_cart(ada, mug)
    pay(ada.page, "tok_declined")
    expect(ada.page.get_by_role("alert")).to_contain_text("You were not charged.")
    expect(ada.page.get_by_role("alert")).to_contain_text("Your cart is as it was.")
    ada.page.get_by_label("Card").select_option("tok_ok")
    ada.page.get_by_role("button", name="Pay 48.00 EUR").click()
    ada.see("Paid and complete")


def test_a_changed_price_is_asked_again(ada: BrowserUser, ben: BrowserUser, mug: str) -> None:
    ada.expects("409")
    fill_cart(ada, mug)
    ada.page.goto("/checkout")
    form = ben.page
    form.goto(f"/selling/products/{mug}")
    form.get_by_role("group", name="Variant 1").get_by_label("Price in EUR").fill("26")
    form.get_by_role("region", name="Edit the product").get_by_role("button", name="Save").click()
    form.wait_for_load_state()
    ada.page.get_by_role("button", name="Pay 48.00 EUR").click()
    expect(ada.page.get_by_role("alert")).to_contain_text("Nothing is ordered.")
    ada.see("When you put this into the cart it was 24.00")
    assert orders_of(ada) == []
    ada.page.get_by_role("button", name="Pay 52.00 EUR").click()
    ada.see("Paid and complete")


def test_a_file_that_is_no_picture_is_refused_before_it_is_sent(ben: BrowserUser) -> None:
    page = ben.page
    page.goto(f"/selling/shops/{open_shop(ben)}/products/new")
    field = page.get_by_label("Picture", exact=True)
    field.set_input_files(FilePayload(name="notes.txt", mimeType="text/plain", buffer=b"notes"))
    message = field.evaluate("field => field.validationMessage")
    assert message == "This file is not a picture."


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_of_the_shop_are_accessible(
    ada: BrowserUser, ben: BrowserUser, mug: str, theme: Theme
) -> None:
    for person in (ada, ben):
        person.page.emulate_media(color_scheme=theme)
    fill_cart(ada, mug)
    pay(ada.page)
    ada.see("Paid and complete")
    order = ada.page.url
    fill_cart(ada, mug, "white", 1)
    shop = ben.api("GET", f"{SHOP}/products/{mug}")["shop_id"]
    here = f"/selling/shops/{shop}"
    bought = ["/shop", f"/shops/{shop}", f"/products/{mug}", "/cart", "/checkout", "/orders", order]
    sold = [order, "/selling", "/selling/shops/new", here, f"{here}/edit", f"{here}/products/new"]
    sold += [f"/selling/products/{mug}", "/selling/orders", "/selling/balances/EUR"]
    faults = [fault for path in bought for fault in check(ada, path)]
    faults += [fault for path in sold for fault in check(ben, path)]
    assert not faults, "\n".join(faults)


def test_the_whole_way_works_without_scripts(open_browser: Any, ben: BrowserUser, mug: str) -> None:
    ada = open_browser(java_script_enabled=False).sign_up("ada")
    fill_cart(ada, mug)
    pay(ada.page, "tok_pending")
    ada.page.wait_for_url(re.compile(r"/orders/\d+$"))
    complete = ada.page.get_by_text("Paid and complete")
    for _ in range(60):
        if complete.count():
            break
        ada.page.get_by_role("link", name="Refresh").click()
        ada.page.wait_for_timeout(200)
    expect(complete).to_be_visible()
