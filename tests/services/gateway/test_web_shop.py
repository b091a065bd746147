"""The shop for buyers, without scripts: from the shop to a completed order."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from typing import Any

import pytest

from services.chassis.errors import (
    NotFound,
    OutcomeUnknown,
    ServiceError,
    Unauthenticated,
    Unavailable,
)
from services.chassis.security.caller import Caller
from services.clients.orders import OrdersClient
from services.contracts.limits import MAX_WAIT
from services.contracts.orders import NewCheckout, Order
from services.gateway.application import checkouts
from tests.services.gateway.browser import FormBrowser
from tests.services.gateway.deployment import GatewayDeployment, SignedInUser, hidden
from tests.services.gateway.test_shop import SHOP, ask, sold
from tests.services.orders.harness import eventually


@pytest.fixture
async def ada(complete: GatewayDeployment) -> SignedInUser:
    """The seller."""
    return await complete.register("ada")


@pytest.fixture(autouse=True)
def patient_checkouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as long as it can for an order's outcome: a busy machine needs longer than people."""
    monkeypatch.setattr(checkouts, "_WAIT", MAX_WAIT)


@pytest.fixture
async def mug(complete: GatewayDeployment, ada: SignedInUser) -> dict[str, Any]:
    """A product with a picture, of which there are three."""
    picture = await ada.upload("a blue mug")
    made: dict[str, Any] = await sold(complete, ada, media_ids=[picture["id"]])
    await complete.cluster.settle()
    return made


@pytest.fixture
async def bob(complete: GatewayDeployment) -> FormBrowser:
    """The buyer's browser."""
    return await FormBrowser(complete).sign_up("bob")


async def add(browser: FormBrowser, product: dict[str, Any], quantity: str = "2") -> str:
    """Put a product into the cart. Gives its variant."""
    variant: str = product["variants"][0]["id"]
    await browser.get(f"/products/{product['id']}")
    form = {"product": product["id"], "variant": variant, "quantity": quantity}
    led = await browser.send("/cart/items", **form)
    assert (led.status, led.headers.get("location")) == (303, "/cart"), led.text
    return variant


async def pay(browser: FormBrowser, card: str = "tok_ok") -> Any:
    """Send the form of the checkout as it is shown."""
    page = (await browser.get("/checkout")).text
    return await browser.send("/checkout", **hidden(page), card=card)


async def edit(ada: SignedInUser, product: str, **changes: Any) -> None:
    """Change a product of ada's through the API."""
    path = f"/products/{product}"
    tag = (await ask(ada.deployment, "GET", path)).headers["etag"]
    edited = await ask(
        ada.deployment, "PATCH", path, ada.token, json=changes, headers={"if-match": tag}
    )
    assert edited.status == 200, edited.text
    await ada.settled()


async def reprice(ada: SignedInUser, product: dict[str, Any], price: int) -> None:
    (variant,) = product["variants"]
    variants = [{"id": variant["id"], "name": variant["name"], "price": price}]
    await edit(ada, product["id"], variants=variants)


async def orders_of(browser: FormBrowser) -> list[Any]:
    found: list[Any] = (await browser.api("GET", f"{SHOP}/orders")).json()["items"]
    return found


def words(page: str) -> str:
    """The text of a page, with single blanks."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def test_a_person_buys_something_without_scripts(
    complete: GatewayDeployment, ada: SignedInUser, mug: dict[str, Any], bob: FormBrowser
) -> None:
    start = (await bob.get("/shop")).text
    assert f'href="{mug["url"]}"' in start
    page = (await bob.get(f"/products/{mug['id']}")).text
    assert 'alt="a blue mug"' in page
    assert "24.00 EUR only 3 left" in words(page)
    await add(bob, mug)
    assert "Total 48.00 EUR" in words((await bob.get("/cart")).text)
    checkout = words((await bob.get("/checkout")).text)
    assert "You will be charged 48.00 EUR" in checkout
    assert "Reserve." in checkout
    assert "Capture." in checkout
    led = await pay(bob)
    assert led.status == 303
    address = led.headers["location"]

    async def completed() -> bool:
        await complete.cluster.settle(1)
        return "data-final" in (await bob.get(address)).text

    await eventually(completed)
    order = words((await bob.get(address)).text)
    assert "The order is paid, and the items are sold." in order
    for step in ("Order placed", "Items reserved", "Payment authorised", "Paid and complete"):
        assert step in order
    await complete.cluster.settle()
    assert "Mug" in words((await bob.get("/orders")).text)
    assert "Your cart is empty." in words((await bob.get("/cart")).text)


async def test_a_changed_price_is_said_at_the_line_and_asked_again(
    ada: SignedInUser, mug: dict[str, Any], bob: FormBrowser
) -> None:
    await add(bob, mug)
    form = hidden((await bob.get("/checkout")).text)
    await reprice(ada, mug, 2600)
    cart = words((await bob.get("/cart")).text)
    assert "it was 24.00 EUR . It is now 26.00 EUR" in cart
    refused = await bob.send("/checkout", **form, card="tok_ok")
    assert refused.status == 409
    assert "The price has changed since this page was shown. Nothing is ordered." in words(
        refused.text
    )
    assert "You will be charged 52.00 EUR" in words(refused.text)
    assert await orders_of(bob) == []
    again = await bob.send("/checkout", **hidden(refused.text), card="tok_ok")
    assert again.status == 303
    (order,) = await orders_of(bob)
    assert order["total"]["amount"] == 5200


async def test_what_is_sold_out_meanwhile_is_said_and_the_cart_stays(
    complete: GatewayDeployment, ada: SignedInUser, mug: dict[str, Any], bob: FormBrowser
) -> None:
    variant = await add(bob, mug)
    form = hidden((await bob.get("/checkout")).text)
    path = f"{SHOP}/products/{mug['id']}/variants/{variant}/stock/adjustments"
    taken = await complete.ask("POST", path, ada.token, json={"delta": -2})
    assert taken.status == 200, taken.text
    refused = await bob.send("/checkout", **form, card="tok_ok")
    assert refused.status == 409
    assert "sold meanwhile. Nothing is ordered." in words(refused.text)
    cart = (await bob.get("/cart")).text
    assert "Only 1 is left. Lower the quantity." in cart
    assert 'href="/checkout"' not in cart
    changed = {"quantity": "1", "revision": hidden(cart)["revision"]}
    assert (await bob.send(f"/cart/items/{variant}", **changed)).status == 303
    assert 'href="/checkout"' in (await bob.get("/cart")).text


async def test_what_is_no_longer_sold_is_said_and_can_be_removed(
    ada: SignedInUser, mug: dict[str, Any], bob: FormBrowser
) -> None:
    await add(bob, mug)
    form = hidden((await bob.get("/checkout")).text)
    await edit(ada, mug["id"], archived=True)
    refused = await bob.send("/checkout", **form, card="tok_ok")
    assert refused.status == 409
    assert "no longer sold. Nothing is ordered." in words(refused.text)
    cart = (await bob.get("/cart")).text
    assert "1 item is no longer sold." in cart
    led = await bob.send("/cart/gone", revision=hidden(cart)["revision"])
    assert led.status == 303
    assert "Your cart is empty." in (await bob.get("/cart")).text


@pytest.mark.parametrize("at_once", [True, False])
async def test_two_clicks_on_pay_make_one_order(
    mug: dict[str, Any], bob: FormBrowser, at_once: bool
) -> None:
    await add(bob, mug)
    form = {**hidden((await bob.get("/checkout")).text), "card": "tok_ok"}
    if at_once:
        first, second = await asyncio.gather(
            bob.send("/checkout", **form), bob.send("/checkout", **form)
        )
    else:
        first, second = await bob.send("/checkout", **form), await bob.send("/checkout", **form)
    assert (first.status, second.status) == (303, 303), second.text
    assert first.headers["location"] == second.headers["location"]
    assert len(await orders_of(bob)) == 1


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("tok_declined", "Your payment was declined. You were not charged."),
        (
            "tok_capture_declined",
            "Your order could not be completed (The card was declined). You were not charged.",
        ),
    ],
)
async def test_a_declined_payment_leads_back_to_the_cart_as_it_was(
    mug: dict[str, Any], bob: FormBrowser, card: str, said: str
) -> None:
    await add(bob, mug)
    form = {**hidden((await bob.get("/checkout")).text), "card": card}
    refused = await bob.send("/checkout", **form)
    assert refused.status == 422, refused.headers
    assert said in words(refused.text)
    assert "Your cart is as it was." in words(refused.text)
    assert "Total 48.00 EUR" in words((await bob.get("/cart")).text)
    again = await bob.send("/checkout", **form)
    assert again.status == 422
    (order,) = await orders_of(bob)
    assert not order["paid"]
    paid = await bob.send("/checkout", **hidden(again.text), card="tok_ok")
    assert paid.status == 303
    assert len(await orders_of(bob)) == 2


@pytest.mark.parametrize("failure", [NotFound("gone"), Unavailable("db-7 is down")])
async def test_a_declined_payment_is_said_even_if_the_cart_cannot_be_filled_again(
    mug: dict[str, Any], bob: FormBrowser, monkeypatch: pytest.MonkeyPatch, failure: ServiceError
) -> None:
    await add(bob, mug)
    form = {**hidden((await bob.get("/checkout")).text), "card": "tok_declined"}
    monkeypatch.setattr(OrdersClient, "set_cart", _raising(failure))
    refused = await bob.send("/checkout", **form)
    assert refused.status == 422
    assert "Your payment was declined. You were not charged." in words(refused.text)
    assert "The order shows what was in it." in words(refused.text)


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (NotFound("Nothing of it is sold."), 409),
        (Unavailable("db-7 is down"), 503),
        (Unauthenticated("ended"), 303),
    ],
)
async def test_a_cart_that_cannot_be_filled_again_is_said(
    mug: dict[str, Any],
    bob: FormBrowser,
    monkeypatch: pytest.MonkeyPatch,
    failure: ServiceError,
    status: int,
) -> None:
    variant = await add(bob, mug)
    await pay(bob, "tok_declined")
    (order,) = await orders_of(bob)
    await bob.api("DELETE", f"{SHOP}/cart/items/{variant}")
    monkeypatch.setattr(OrdersClient, "set_cart", _raising(failure))
    refused = await bob.send(f"/orders/{order['id']}/cart")
    assert refused.status == status
    assert "db-7" not in refused.text
    assert ("Nothing of it is sold." in refused.text) == (status == 409)


def _raising(failure: ServiceError) -> Any:
    async def fails(*_: Any, **__: Any) -> None:
        raise failure

    return fails


async def test_two_clicks_with_a_declined_card_put_the_items_back_once(
    mug: dict[str, Any], bob: FormBrowser
) -> None:
    await add(bob, mug)
    form = {**hidden((await bob.get("/checkout")).text), "card": "tok_declined"}
    both = await asyncio.gather(bob.send("/checkout", **form), bob.send("/checkout", **form))
    assert [answer.status for answer in both] == [422, 422]
    assert len(await orders_of(bob)) == 1
    assert "Total 48.00 EUR" in words((await bob.get("/cart")).text)


@pytest.mark.parametrize("is_placed", [False, True])
async def test_a_form_whose_answer_is_lost_can_be_sent_again(
    mug: dict[str, Any], bob: FormBrowser, monkeypatch: pytest.MonkeyPatch, is_placed: bool
) -> None:
    await add(bob, mug)
    form = {**hidden((await bob.get("/checkout")).text), "card": "tok_ok"}
    with monkeypatch.context() as patched:
        patched.setattr(OrdersClient, "checkout", lost_answer(is_placed))
        lost = await bob.send("/checkout", **form)
    assert lost.status == 503
    assert "that cannot make a second order" in lost.text
    assert len(await orders_of(bob)) == is_placed
    again = await bob.send("/checkout", **hidden(lost.text))
    assert again.status == 303, words(again.text)
    assert len(await orders_of(bob)) == 1


def lost_answer(is_placed: bool) -> Any:
    """A call of the checkout whose answer is lost, before or after its effect."""
    checkout = OrdersClient.checkout

    async def lost(self: OrdersClient, new: NewCheckout, caller: Caller, wait: float) -> Order:
        if is_placed:
            await checkout(self, new, caller, wait)
        raise OutcomeUnknown("no answer")

    return lost


async def test_an_order_that_is_not_final_is_shown_as_such_and_can_be_cancelled(
    complete: GatewayDeployment,
    mug: dict[str, Any],
    bob: FormBrowser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkouts, "_WAIT", 0.1)
    (orders,) = [running for running in complete.cluster.running if running.name == "orders"]
    orders.sidecar.faults.fail("start")
    await add(bob, mug)
    led = await pay(bob)
    assert led.status == 303
    address = led.headers["location"]
    page = (await bob.get(address)).text
    assert "data-final" not in page
    assert f'href="{address}">Refresh' in page
    assert f'action="{address}/cancel"' in page
    assert (await bob.send(f"{address}/cancel")).headers["location"] == address
    assert "Cancelled by the buyer" in (await bob.get(address)).text


async def test_the_items_of_an_unpaid_order_can_be_put_back_into_an_empty_cart(
    complete: GatewayDeployment, ada: SignedInUser, mug: dict[str, Any], bob: FormBrowser
) -> None:
    variant = await add(bob, mug)
    await pay(bob, "tok_declined")
    (order,) = await orders_of(bob)
    address = f"/orders/{order['id']}"
    assert f'action="{address}/cart"' in (await bob.get(address)).text
    await bob.api("DELETE", f"{SHOP}/cart/items/{variant}")
    assert (await bob.send(f"{address}/cart")).headers["location"] == "/cart"
    assert (await bob.send(f"{address}/cart")).headers["location"] == "/cart"
    assert "Total 48.00 EUR" in words((await bob.get("/cart")).text)
    bowl = await sold(complete, ada, "Bowl", shop={"id": mug["shop_id"]})
    await complete.cluster.settle()
    await add(bob, bowl, "1")
    refused = await bob.send(f"{address}/cart")
    assert refused.status == 409
    assert "Your cart has other items." in refused.text
    assert "Total 72.00 EUR" in words((await bob.get("/cart")).text)
    assert (await bob.send(f"{address}/cancel")).status == 409


async def test_an_order_is_seen_by_its_two_parties_only(
    complete: GatewayDeployment, ada: SignedInUser, mug: dict[str, Any], bob: FormBrowser
) -> None:
    await add(bob, mug)
    address = (await pay(bob)).headers["location"]
    cem = await FormBrowser(complete).sign_up("cem")
    assert (await cem.get(address)).status == 404
    for action in ("cancel", "refund", "cart"):
        assert (await cem.send(f"{address}/{action}")).status == 404
    assert (await bob.send(f"{address}/refund")).status == 403
    assert "You have not ordered anything yet." in (await cem.get("/orders")).text


async def test_a_notification_of_an_order_says_its_outcome_in_words(
    complete: GatewayDeployment, mug: dict[str, Any], bob: FormBrowser
) -> None:
    await add(bob, mug)
    await pay(bob)

    async def is_told() -> bool:
        await complete.cluster.settle(1)
        return "Order: paid and complete" in (await bob.get("/notifications?tab=orders")).text

    await eventually(is_told)


async def test_strangers_see_products_and_log_in_to_buy(
    complete: GatewayDeployment, mug: dict[str, Any]
) -> None:
    stranger = FormBrowser(complete)
    page = await stranger.get(f"/products/{mug['id']}")
    assert page.status == 200
    assert page.headers["cache-control"].startswith("public")
    assert (await stranger.get("/shop")).status == 200
    await stranger.get(f"/products/{mug['id']}")
    form = {"product": mug["id"], "variant": mug["variants"][0]["id"], "quantity": "1"}
    led = await stranger.send("/cart/items", **form)
    assert led.headers["location"] == f"/login?next=/products/{mug['id']}"
    for path in ("/cart", "/checkout", "/orders", "/orders/1", "/selling", "/selling/shops/new"):
        led = await stranger.get(path)
        assert led.headers["location"] == f"/login?next={path}"


async def test_a_change_of_an_outdated_cart_changes_nothing(
    mug: dict[str, Any], bob: FormBrowser
) -> None:
    variant = await add(bob, mug)
    old = hidden((await bob.get("/cart")).text)["revision"]
    await add(bob, mug, "1")
    late = await bob.send(f"/cart/items/{variant}/remove", revision=old)
    assert late.status == 412
    assert "changed in another window" in late.text
    assert "Total 72.00 EUR" in words(late.text)


@pytest.mark.parametrize("quantity", ["0", "-1", "1.5", "x", "", "1001", "9" * 30])
async def test_a_wrong_quantity_is_said_at_its_line(
    mug: dict[str, Any], bob: FormBrowser, quantity: str
) -> None:
    variant = await add(bob, mug)
    revision = hidden((await bob.get("/cart")).text)["revision"]
    form = {"quantity": quantity, "revision": revision}
    refused = await bob.send(f"/cart/items/{variant}", **form)
    assert refused.status == 422
    assert f'id="fault-{variant}"' in refused.text
    assert f'value="{quantity}"' in refused.text
    form = {"product": mug["id"], "variant": variant, "quantity": quantity}
    refused = await bob.send("/cart/items", **form)
    assert refused.status == 422
    assert "The quantity must be a whole number" in refused.text


async def test_items_of_two_shops_are_not_mixed(
    complete: GatewayDeployment, mug: dict[str, Any], bob: FormBrowser
) -> None:
    other = await sold(complete, await complete.register("cem"), "Bowl")
    await complete.cluster.settle()
    await add(bob, mug)
    form = {"product": other["id"], "variant": other["variants"][0]["id"], "quantity": "1"}
    refused = await bob.send("/cart/items", **form)
    assert refused.status == 409
    assert "The cart has items of another shop." in refused.text
    assert 'href="/cart"' in refused.text


async def test_a_profile_leads_to_the_shop(
    complete: GatewayDeployment, mug: dict[str, Any], bob: FormBrowser
) -> None:
    assert "/@ada/shop" in (await bob.get("/@ada")).text
    assert "/@bob/shop" not in (await bob.get("/@bob")).text
    led = await bob.get("/@ada/shop")
    assert led.headers["location"].endswith(f"/shops/{mug['shop_id']}")
    assert "This person has no open shop." in (await bob.get("/@bob/shop")).text


async def test_products_are_searched(mug: dict[str, Any], bob: FormBrowser) -> None:
    assert "Mug" in words((await bob.get("/shop?q=mug")).text)
    assert "No product has these words." in (await bob.get("/shop?q=teapot")).text


async def test_texts_of_sellers_are_escaped(
    complete: GatewayDeployment, ada: SignedInUser, bob: FormBrowser
) -> None:
    product = await sold(complete, ada, "<i>Mug</i>", description="<script>1</script>")
    await complete.cluster.settle()
    await add(bob, product)
    for path in (f"/products/{product['id']}", "/shop", "/cart", "/checkout"):
        page = (await bob.get(path)).text
        assert "<i>Mug" not in page
        assert "<script>1" not in page
    assert (await pay(bob)).status == 303
