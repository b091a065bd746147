"""The routes of carts, checkouts and orders."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.orders.repository import Repository
from tests.services.orders.harness import BUYER, PRICE, SELLER, OrdersHarness


async def test_a_cart_has_the_current_prices(harness: OrdersHarness) -> None:
    first, second = harness.variant(), harness.variant(price=99)
    for variant, quantity in ((first, 2), (second, 1), (first, 1)):
        item = {"product": variant, "variant": variant, "quantity": quantity}
        cart = await harness.request_ok("POST", "/cart/items", json=item)
    assert cart["total"] == 3 * PRICE + 99
    harness.shop_services.prices[second] = 100
    assert (await harness.request_ok("GET", "/cart"))["total"] == 3 * PRICE + 100
    changed = await harness.request_ok("PATCH", f"/cart/items/{first}", json={"quantity": 1})
    assert changed["total"] == PRICE + 100
    emptied = await harness.request_ok("DELETE", f"/cart/items/{first}")
    assert [line["variant"] for line in emptied["lines"]] == [second]


async def test_items_that_are_not_sold_any_more_are_not_counted(harness: OrdersHarness) -> None:
    first, second = harness.variant(), harness.variant()
    items = [{"product": v, "variant": v, "quantity": 1} for v in (first, second)]
    await harness.request_ok("PUT", "/cart", json={"items": items})
    harness.shop_services.gone.add(first)
    cart = await harness.request_ok("GET", "/cart")
    assert [item["variant"] for item in cart["gone"]] == [first]
    assert cart["total"] == PRICE
    refused = await harness.request("POST", "/checkouts", json=harness.checkout(cart))
    assert (refused.status, refused.json()["code"]) == (409, "not_available")
    harness.shop_services.gone.add(second)
    assert (await harness.request_ok("GET", "/cart"))["lines"] == []


async def test_a_changed_cart_is_not_overwritten(harness: OrdersHarness) -> None:
    cart = await harness.fill_cart()
    variant = cart["lines"][0]["variant"]
    headers = {"if-match": f'"{cart["revision"]}"'}
    path = f"/cart/items/{variant}"
    await harness.request_ok("PATCH", path, json={"quantity": 3}, headers=headers)
    late = await harness.request("PATCH", path, json={"quantity": 4}, headers=headers)
    assert late.status == 412
    for other in ("3", '"x"', 'W/"2"', '"1", "3"', "", "rubbish"):
        answer = await harness.request("DELETE", path, headers={"if-match": other})
        assert answer.status == 412, other
    for known in ("*", '"2"'):
        answer = await harness.request("DELETE", path, headers={"if-none-match": known})
        assert answer.status == 412, known
    for number, seen in enumerate(('"1", "2"', "*", "4"), 5):
        wanted, headers = {"quantity": number}, {"if-match": seen}
        changed = await harness.request_ok("PATCH", path, json=wanted, headers=headers)
        assert changed["revision"] == number - 2


async def test_own_products_and_items_of_two_shops_are_refused(harness: OrdersHarness) -> None:
    variant, other = harness.variant(), harness.variant()
    item = {"product": variant, "variant": variant, "quantity": 1}
    own = await harness.request("POST", "/cart/items", harness.seller, json=item)
    assert (own.status, own.json()["code"]) == (422, "own_product")
    elsewhere = {"product": f"9{other[1:]}", "variant": other, "quantity": 1}
    both = await harness.request("PUT", "/cart", json={"items": [item, elsewhere]})
    assert (both.status, both.json()["code"]) == (409, "other_shop")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/cart/items", {"product": "1", "variant": "2", "quantity": 0}),
        ("/cart/items", {"product": "1", "variant": "2", "quantity": -1}),
        ("/cart/items", {"product": "1", "variant": "2", "quantity": 1.5}),
        ("/cart/items", {"product": "1", "variant": "2", "quantity": 10**9}),
        ("/cart/items", {"product": "x", "variant": "2", "quantity": 1}),
        ("/cart/items", {"product": "1" * 30, "variant": "2", "quantity": 1}),
        ("/checkouts", {}),
        ("/checkouts", {"card": "tok_ok; drop", "expected_total": 1, "currency": "EUR"}),
        ("/checkouts", {"card": "tok_ok", "expected_total": -1, "currency": "EUR"}),
        ("/checkouts", {"card": "tok_ok", "expected_total": 1.5, "currency": "EUR"}),
        ("/checkouts", {"card": "tok_ok", "expected_total": 1, "currency": "XXX"}),
    ],
)
async def test_input_beyond_a_limit_is_refused(
    harness: OrdersHarness, path: str, body: Any
) -> None:
    if path == "/checkouts" and body:
        body = {"idempotency_key": "k", **body}
    assert (await harness.request("POST", path, json=body)).status == 422


async def test_an_empty_cart_and_unknown_items_are_refused(harness: OrdersHarness) -> None:
    cart = {"total": 0, "currency": "EUR"}
    empty = await harness.request("POST", "/checkouts", json=harness.checkout(cart))
    assert (empty.status, empty.json()["code"]) == (422, "cart_empty")
    item = {"product": "123456789012345678", "variant": "123456789012345678", "quantity": 1}
    assert (await harness.request("POST", "/cart/items", json=item)).status == 404


async def test_a_cart_shows_what_an_item_cost_when_it_was_added(harness: OrdersHarness) -> None:
    (line,) = (await harness.fill_cart())["lines"]
    harness.shop_services.prices[line["variant"]] += 100
    (line,) = (await harness.request_ok("GET", "/cart"))["lines"]
    assert (line["added_price"], line["price"]) == (PRICE, PRICE + 100)
    path = f"/cart/items/{line['variant']}"
    cart = await harness.request_ok("PATCH", path, json={"quantity": 1})
    assert cart["lines"][0]["added_price"] == PRICE
    item = {"product": line["product"], "variant": line["variant"], "quantity": 1}
    cart = await harness.request_ok("POST", "/cart/items", json=item)
    assert cart["lines"][0]["added_price"] == PRICE + 100


@pytest.mark.parametrize("said", [{"expected_total": 1}, {"currency": "JPY"}])
async def test_an_outdated_price_is_refused_and_never_charged(
    harness: OrdersHarness, said: dict[str, Any]
) -> None:
    cart = await harness.fill_cart()
    refused = await harness.request("POST", "/checkouts", json=harness.checkout(cart) | said)
    body = refused.json()
    assert (refused.status, body["code"]) == (409, "price_changed")
    assert (body["total"], body["currency"]) == (cart["total"], "EUR")
    assert body["lines"][0]["price"] == PRICE
    assert harness.shop_services.payments == {}
    assert (await harness.request_ok("GET", "/orders"))["orders"] == []


async def test_a_price_change_after_the_checkout_ends_the_order_uncharged(
    harness: OrdersHarness,
) -> None:
    cart = await harness.fill_cart()
    variant = cart["lines"][0]["variant"]
    harness.orders.sidecar.faults.fail("start")
    order = await harness.request_ok("POST", "/checkouts", json=harness.checkout(cart))
    harness.shop_services.prices[variant] += 1
    found = await harness.wait_until_final(order["id"])
    assert (found["state"], found["history"][1]["what"]) == ("failed", "price_changed")
    await harness.check_consistency()


async def test_insufficient_stock_is_refused_before_and_after_the_checkout(
    harness: OrdersHarness,
) -> None:
    variant = harness.variant(stock=1)
    cart = await harness.fill_cart(variant, 2)
    refused = await harness.request("POST", "/checkouts", json=harness.checkout(cart))
    assert (refused.status, refused.json()["code"]) == (409, "out_of_stock")
    cart = await harness.fill_cart(variant, 1)
    harness.orders.sidecar.faults.fail("start")
    order = await harness.request_ok("POST", "/checkouts", json=harness.checkout(cart))
    harness.shop_services.stock[variant] = 0
    assert (await harness.wait_until_final(order["id"]))["state"] == "failed"
    await harness.check_consistency()


async def test_the_same_idempotency_key_creates_the_same_order(harness: OrdersHarness) -> None:
    cart = await harness.fill_cart()
    body = harness.checkout(cart)
    answers = await asyncio.gather(
        *(harness.request("POST", "/checkouts", json=body) for _ in range(5))
    )
    assert [answer.status for answer in answers] == [200] * 5
    ids = {answer.json()["id"] for answer in answers}
    assert len(ids) == 1
    assert (await harness.request_ok("POST", "/checkouts", json=body))["id"] in ids
    await harness.wait_until_final(ids.pop())
    await harness.check_consistency()
    assert len(harness.shop_services.payments) == 1


async def test_a_concurrent_repeat_returns_the_order_of_the_first_request(
    harness: OrdersHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = harness.checkout(await harness.fill_cart())
    first: list[Any] = []
    look = Repository.intent_and_cart

    async def looks_too_early(self: Repository, key: str, user: str) -> Any:
        if first:
            return await look(self, key, user)
        intent, _ = await look(self, key, user)
        first.append("on its way")
        first.append(await harness.request_ok("POST", "/checkouts", json=body))
        return intent, (await look(self, key, user))[1]

    monkeypatch.setattr(Repository, "intent_and_cart", looks_too_early)
    assert (await harness.request_ok("POST", "/checkouts", json=body))["id"] == first[1]["id"]


@pytest.mark.parametrize("other", [{"card": "tok_x"}, {"expected_total": 1}, {"currency": "USD"}])
async def test_the_same_idempotency_key_with_another_body_is_refused(
    harness: OrdersHarness, other: dict[str, Any]
) -> None:
    body = harness.checkout(await harness.fill_cart())
    await harness.request_ok("POST", "/checkouts", json=body)
    refused = await harness.request("POST", "/checkouts", json=body | other)
    assert (refused.status, refused.json()["code"]) == (422, "key_reused")


async def test_idempotency_keys_belong_to_a_user(harness: OrdersHarness) -> None:
    body = harness.checkout(await harness.fill_cart())
    await harness.request_ok("POST", "/checkouts", json=body)
    stranger = harness.cluster.token("100000000000000001", "read:shop write:shop")
    assert (await harness.request("POST", "/checkouts", stranger, json=body)).json()[
        "code"
    ] == "cart_empty"


async def test_a_cart_is_emptied_by_its_checkout_and_not_later(harness: OrdersHarness) -> None:
    body = harness.checkout(await harness.fill_cart())
    await harness.request_ok("POST", "/checkouts", json=body)
    assert (await harness.request_ok("GET", "/cart"))["lines"] == []
    await harness.fill_cart()
    await harness.request_ok("POST", "/checkouts", json=body)
    assert len((await harness.request_ok("GET", "/cart"))["lines"]) == 1


async def test_an_order_is_visible_to_its_buyer_and_seller_only(harness: OrdersHarness) -> None:
    id = await harness.place()
    await harness.wait_until_final(id)
    await harness.cluster.settle()
    stranger = harness.cluster.token("100000000000000001", "read:shop write:shop")
    assert (await harness.request("GET", f"/orders/{id}", stranger)).status == 404
    for verb in ("cancel", "refund"):
        assert (await harness.request("POST", f"/orders/{id}/{verb}", stranger)).status == 404
    assert (await harness.request("POST", f"/orders/{id}/cancel", harness.seller)).status == 403
    assert (await harness.request("POST", f"/orders/{id}/refund")).status == 403
    for role, token, mine in (
        ("buyer", harness.buyer, [id]),
        ("seller", harness.seller, [id]),
        ("seller", harness.buyer, []),
        ("buyer", stranger, []),
    ):
        page = await harness.request_ok("GET", f"/orders?role={role}", token)
        assert [order["id"] for order in page["orders"]] == mine
    shop = (await harness.order(id))["shop"]
    for token, mine in ((harness.seller, [id]), (harness.buyer, []), (stranger, [])):
        page = await harness.request_ok("GET", f"/orders?role=seller&shop={shop}&limit=1", token)
        assert [order["id"] for order in page["orders"]] == mine
        assert page["last"] == "".join(mine)


async def test_tokens_and_scopes_are_required(harness: OrdersHarness) -> None:
    reader = harness.cluster.token(BUYER, "read:shop")
    assert (await harness.request("GET", "/cart", reader)).status == 200
    assert (await harness.request("PUT", "/cart", reader, json={"items": []})).status == 403
    assert (await harness.orders.call("GET", "/cart")).status == 401
    assert (await harness.orders.call("POST", "/rebuilds", caller="gateway")).status == 403


async def test_orders_are_paged_by_id(harness: OrdersHarness) -> None:
    ids = [await harness.place() for _ in range(5)]
    await harness.cluster.settle()
    first = await harness.request_ok("GET", "/orders?limit=2")
    assert [order["id"] for order in first["orders"]] == ids[:2:-1]
    rest = await harness.request_ok("GET", f"/orders?limit=20&max_id={first['last']}")
    assert [order["id"] for order in rest["orders"]] == ids[2::-1]
    assert rest["last"] == ""


async def test_a_completed_order_can_be_refunded_by_its_seller_and_not_cancelled(
    harness: OrdersHarness,
) -> None:
    id = await harness.place()
    order = await harness.wait_until_final(id)
    assert [entry["what"] for entry in order["history"]] == [
        *("placed", "reserved", "authorized", "confirmed", "capturing", "completed"),
    ]
    times = [entry["at"] for entry in order["history"]]
    assert times == sorted(times)
    late = await harness.request("POST", f"/orders/{id}/cancel")
    assert (late.status, late.json()["code"]) == (409, "too_late")
    await harness.request_ok("POST", f"/orders/{id}/refund", harness.seller)
    assert (await harness.wait_until_final(id))["state"] == "refunded"
    assert (await harness.request_ok("POST", f"/orders/{id}/refund", harness.seller))[
        "state"
    ] == "refunded"
    await harness.check_consistency()


async def test_an_unpaid_order_cannot_be_refunded(harness: OrdersHarness) -> None:
    id = await harness.place("tok_declined")
    await harness.wait_until_final(id)
    refused = await harness.request("POST", f"/orders/{id}/refund", harness.seller)
    assert (refused.status, refused.json()["code"]) == (409, "not_completed")


async def test_a_free_order_needs_no_payment(harness: OrdersHarness) -> None:
    id = await harness.place(variant=harness.variant(price=0))
    assert (await harness.wait_until_final(id))["state"] == "completed"
    assert harness.shop_services.payments == {}
    await harness.request_ok("POST", f"/orders/{id}/refund", harness.seller)
    assert (await harness.wait_until_final(id))["state"] == "refunded"
    await harness.check_consistency()


async def test_projections_can_be_rebuilt(harness: OrdersHarness) -> None:
    ids = [await harness.place(card) for card in ("tok_ok", "tok_declined", "tok_ok")]
    for id in ids:
        await harness.wait_until_final(id)
    await harness.check_consistency()
    state = harness.cluster.state("orders")
    live = {kind: state.peek(f"{kind}")["data"] for kind in (f"buyer:{BUYER}", f"seller:{SELLER}")}
    for key in live:
        await state.delete(key)
    assert (await harness.request_ok("GET", "/orders"))["orders"] == []
    rebuilt = await harness.orders.operate("POST", "/rebuilds")
    assert rebuilt.json() == {"orders": 3, "mended": 6}
    assert {key: state.peek(key)["data"] for key in live} == live
    await harness.check_consistency()


async def test_order_events_name_both_parties_and_no_card(harness: OrdersHarness) -> None:
    id = await harness.place()
    await harness.wait_until_final(id)
    await harness.cluster.settle()
    events = [event for event in harness.cluster.broker.events("orders") if event["subject"] == id]
    last = max(events, key=lambda event: int(event["entityversion"]))["data"]
    assert (last["buyer"], last["seller"], last["state"]) == (BUYER, SELLER, "completed")
    assert "tok_ok" not in str(events)


async def test_the_cart_of_a_deleted_user_is_deleted(harness: OrdersHarness) -> None:
    await harness.fill_cart()
    profile = {"id": BUYER, "username": "", "created_at": "", "deleted": True}
    event = {
        "id": "users:user@9", "type": "account.changed", "source": "users", "subject": BUYER,
        "stream": "s", "sequence": 1, "entityversion": 9, "data": profile,
    }  # fmt: skip
    assert await harness.orders.deliver("accounts", event) == "SUCCESS"
    assert (await harness.request_ok("GET", "/cart"))["lines"] == []
