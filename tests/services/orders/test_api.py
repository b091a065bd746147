"""Carts, checkouts and orders as the gateway asks for them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.orders.repository import Repository
from tests.services.orders.harness import BUYER, PRICE, SELLER, OrdersHarness


async def test_a_cart_shows_what_it_costs_now(town: OrdersHarness) -> None:
    first, second = town.variant(), town.variant(price=99)
    for variant, quantity in ((first, 2), (second, 1), (first, 1)):
        item = {"product": variant, "variant": variant, "quantity": quantity}
        cart = await town.request_ok("POST", "/cart/items", json=item)
    assert cart["total"] == 3 * PRICE + 99
    town.shop_services.prices[second] = 100
    assert (await town.request_ok("GET", "/cart"))["total"] == 3 * PRICE + 100
    changed = await town.request_ok("PATCH", f"/cart/items/{first}", json={"quantity": 1})
    assert changed["total"] == PRICE + 100
    emptied = await town.request_ok("DELETE", f"/cart/items/{first}")
    assert [line["variant"] for line in emptied["lines"]] == [second]


async def test_what_is_not_sold_any_more_counts_for_nothing(town: OrdersHarness) -> None:
    first, second = town.variant(), town.variant()
    items = [{"product": v, "variant": v, "quantity": 1} for v in (first, second)]
    await town.request_ok("PUT", "/cart", json={"items": items})
    town.shop_services.gone.add(first)
    cart = await town.request_ok("GET", "/cart")
    assert [item["variant"] for item in cart["gone"]] == [first]
    assert cart["total"] == PRICE
    refused = await town.request("POST", "/checkouts", json=town.checkout(cart))
    assert (refused.status, refused.json()["code"]) == (409, "not_available")
    town.shop_services.gone.add(second)
    assert (await town.request_ok("GET", "/cart"))["lines"] == []


async def test_a_cart_that_was_changed_is_not_overwritten(town: OrdersHarness) -> None:
    cart = await town.fill_cart()
    variant = cart["lines"][0]["variant"]
    headers = {"if-match": f'"{cart["revision"]}"'}
    path = f"/cart/items/{variant}"
    await town.request_ok("PATCH", path, json={"quantity": 3}, headers=headers)
    late = await town.request("PATCH", path, json={"quantity": 4}, headers=headers)
    assert late.status == 412
    for other in ("3", '"x"', 'W/"2"', '"1", "3"', "", "rubbish"):
        answer = await town.request("DELETE", path, headers={"if-match": other})
        assert answer.status == 412, other
    for known in ("*", '"2"'):
        answer = await town.request("DELETE", path, headers={"if-none-match": known})
        assert answer.status == 412, known
    for number, seen in enumerate(('"1", "2"', "*", "4"), 5):
        wanted, headers = {"quantity": number}, {"if-match": seen}
        changed = await town.request_ok("PATCH", path, json=wanted, headers=headers)
        assert changed["revision"] == number - 2


async def test_nobody_buys_from_themselves_or_from_two_shops_at_once(town: OrdersHarness) -> None:
    variant, other = town.variant(), town.variant()
    item = {"product": variant, "variant": variant, "quantity": 1}
    own = await town.request("POST", "/cart/items", town.seller, json=item)
    assert (own.status, own.json()["code"]) == (422, "own_product")
    elsewhere = {"product": f"9{other[1:]}", "variant": other, "quantity": 1}
    both = await town.request("PUT", "/cart", json={"items": [item, elsewhere]})
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
async def test_what_breaks_a_bound_is_refused(town: OrdersHarness, path: str, body: Any) -> None:
    if path == "/checkouts" and body:
        body = {"idempotency_key": "k", **body}
    assert (await town.request("POST", path, json=body)).status == 422


async def test_an_empty_cart_and_unknown_things_are_refused(town: OrdersHarness) -> None:
    cart = {"total": 0, "currency": "EUR"}
    empty = await town.request("POST", "/checkouts", json=town.checkout(cart))
    assert (empty.status, empty.json()["code"]) == (422, "cart_empty")
    item = {"product": "123456789012345678", "variant": "123456789012345678", "quantity": 1}
    assert (await town.request("POST", "/cart/items", json=item)).status == 404


@pytest.mark.parametrize("said", [{"expected_total": 1}, {"currency": "JPY"}])
async def test_a_stale_price_is_asked_about_and_never_charged(
    town: OrdersHarness, said: dict[str, Any]
) -> None:
    cart = await town.fill_cart()
    refused = await town.request("POST", "/checkouts", json=town.checkout(cart) | said)
    body = refused.json()
    assert (refused.status, body["code"]) == (409, "price_changed")
    assert (body["total"], body["currency"]) == (cart["total"], "EUR")
    assert body["lines"][0]["price"] == PRICE
    assert town.shop_services.payments == {}
    assert (await town.request_ok("GET", "/orders"))["orders"] == []


async def test_a_price_that_changes_after_the_checkout_ends_the_order_uncharged(
    town: OrdersHarness,
) -> None:
    cart = await town.fill_cart()
    variant = cart["lines"][0]["variant"]
    town.orders.sidecar.faults.fail("start")
    order = await town.request_ok("POST", "/checkouts", json=town.checkout(cart))
    town.shop_services.prices[variant] += 1
    found = await town.wait_until_final(order["id"])
    assert (found["state"], found["history"][1]["what"]) == ("failed", "price_changed")
    await town.check_consistency()


async def test_what_is_short_is_refused_before_and_after_the_checkout(town: OrdersHarness) -> None:
    variant = town.variant(stock=1)
    cart = await town.fill_cart(variant, 2)
    refused = await town.request("POST", "/checkouts", json=town.checkout(cart))
    assert (refused.status, refused.json()["code"]) == (409, "out_of_stock")
    cart = await town.fill_cart(variant, 1)
    town.orders.sidecar.faults.fail("start")
    order = await town.request_ok("POST", "/checkouts", json=town.checkout(cart))
    town.shop_services.stock[variant] = 0
    assert (await town.wait_until_final(order["id"]))["state"] == "failed"
    await town.check_consistency()


async def test_the_same_key_makes_the_same_order(town: OrdersHarness) -> None:
    cart = await town.fill_cart()
    body = town.checkout(cart)
    answers = await asyncio.gather(
        *(town.request("POST", "/checkouts", json=body) for _ in range(5))
    )
    assert [answer.status for answer in answers] == [200] * 5
    ids = {answer.json()["id"] for answer in answers}
    assert len(ids) == 1
    assert (await town.request_ok("POST", "/checkouts", json=body))["id"] in ids
    await town.wait_until_final(ids.pop())
    await town.check_consistency()
    assert len(town.shop_services.payments) == 1


async def test_a_repeat_gets_the_order_with_which_the_first_request_emptied_the_cart(
    town: OrdersHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = town.checkout(await town.fill_cart())
    first: list[Any] = []
    look = Repository.intent_and_cart

    async def looks_too_early(self: Repository, key: str, user: str) -> Any:
        if first:
            return await look(self, key, user)
        intent, _ = await look(self, key, user)
        first.append("on its way")
        first.append(await town.request_ok("POST", "/checkouts", json=body))
        return intent, (await look(self, key, user))[1]

    monkeypatch.setattr(Repository, "intent_and_cart", looks_too_early)
    assert (await town.request_ok("POST", "/checkouts", json=body))["id"] == first[1]["id"]


@pytest.mark.parametrize("other", [{"card": "tok_x"}, {"expected_total": 1}, {"currency": "USD"}])
async def test_the_same_key_with_another_body_is_refused(
    town: OrdersHarness, other: dict[str, Any]
) -> None:
    body = town.checkout(await town.fill_cart())
    await town.request_ok("POST", "/checkouts", json=body)
    refused = await town.request("POST", "/checkouts", json=body | other)
    assert (refused.status, refused.json()["code"]) == (422, "key_reused")


async def test_keys_are_everybodys_own(town: OrdersHarness) -> None:
    body = town.checkout(await town.fill_cart())
    await town.request_ok("POST", "/checkouts", json=body)
    stranger = town.world.token("100000000000000001", "read:shop write:shop")
    assert (await town.request("POST", "/checkouts", stranger, json=body)).json()[
        "code"
    ] == "cart_empty"


async def test_a_cart_is_emptied_by_its_checkout_and_not_later(town: OrdersHarness) -> None:
    body = town.checkout(await town.fill_cart())
    await town.request_ok("POST", "/checkouts", json=body)
    assert (await town.request_ok("GET", "/cart"))["lines"] == []
    await town.fill_cart()
    await town.request_ok("POST", "/checkouts", json=body)
    assert len((await town.request_ok("GET", "/cart"))["lines"]) == 1


async def test_an_order_is_seen_by_its_two_sides_alone(town: OrdersHarness) -> None:
    id = await town.place()
    await town.wait_until_final(id)
    await town.world.settle()
    stranger = town.world.token("100000000000000001", "read:shop write:shop")
    assert (await town.request("GET", f"/orders/{id}", stranger)).status == 404
    for verb in ("cancel", "refund"):
        assert (await town.request("POST", f"/orders/{id}/{verb}", stranger)).status == 404
    assert (await town.request("POST", f"/orders/{id}/cancel", town.seller)).status == 403
    assert (await town.request("POST", f"/orders/{id}/refund")).status == 403
    for role, token, mine in (
        ("buyer", town.buyer, [id]),
        ("seller", town.seller, [id]),
        ("seller", town.buyer, []),
        ("buyer", stranger, []),
    ):
        page = await town.request_ok("GET", f"/orders?role={role}", token)
        assert [order["id"] for order in page["orders"]] == mine
    shop = (await town.order(id))["shop"]
    for token, mine in ((town.seller, [id]), (town.buyer, []), (stranger, [])):
        page = await town.request_ok("GET", f"/orders?role=seller&shop={shop}&limit=1", token)
        assert [order["id"] for order in page["orders"]] == mine
        assert page["last"] == "".join(mine)


async def test_scopes_and_tokens_are_asked_for(town: OrdersHarness) -> None:
    reader = town.world.token(BUYER, "read:shop")
    assert (await town.request("GET", "/cart", reader)).status == 200
    assert (await town.request("PUT", "/cart", reader, json={"items": []})).status == 403
    assert (await town.orders.call("GET", "/cart")).status == 401
    assert (await town.orders.call("POST", "/rebuilds", caller="gateway")).status == 403


async def test_orders_are_paged_by_id(town: OrdersHarness) -> None:
    ids = [await town.place() for _ in range(5)]
    await town.world.settle()
    first = await town.request_ok("GET", "/orders?limit=2")
    assert [order["id"] for order in first["orders"]] == ids[:2:-1]
    rest = await town.request_ok("GET", f"/orders?limit=20&max_id={first['last']}")
    assert [order["id"] for order in rest["orders"]] == ids[2::-1]
    assert rest["last"] == ""


async def test_a_completed_order_is_refunded_by_its_seller_and_cancelled_by_nobody(
    town: OrdersHarness,
) -> None:
    id = await town.place()
    order = await town.wait_until_final(id)
    assert [entry["what"] for entry in order["history"]] == [
        *("placed", "reserved", "authorized", "confirmed", "capturing", "completed"),
    ]
    times = [entry["at"] for entry in order["history"]]
    assert times == sorted(times)
    late = await town.request("POST", f"/orders/{id}/cancel")
    assert (late.status, late.json()["code"]) == (409, "too_late")
    await town.request_ok("POST", f"/orders/{id}/refund", town.seller)
    assert (await town.wait_until_final(id))["state"] == "refunded"
    assert (await town.request_ok("POST", f"/orders/{id}/refund", town.seller))[
        "state"
    ] == "refunded"
    await town.check_consistency()


async def test_what_was_not_paid_cannot_be_refunded(town: OrdersHarness) -> None:
    id = await town.place("tok_declined")
    await town.wait_until_final(id)
    refused = await town.request("POST", f"/orders/{id}/refund", town.seller)
    assert (refused.status, refused.json()["code"]) == (409, "not_completed")


async def test_what_costs_nothing_is_not_paid(town: OrdersHarness) -> None:
    id = await town.place(variant=town.variant(price=0))
    assert (await town.wait_until_final(id))["state"] == "completed"
    assert town.shop_services.payments == {}
    await town.request_ok("POST", f"/orders/{id}/refund", town.seller)
    assert (await town.wait_until_final(id))["state"] == "refunded"
    await town.check_consistency()


async def test_what_lists_show_can_be_made_anew(town: OrdersHarness) -> None:
    ids = [await town.place(card) for card in ("tok_ok", "tok_declined", "tok_ok")]
    for id in ids:
        await town.wait_until_final(id)
    await town.check_consistency()
    state = town.world.state("orders")
    live = {kind: state.peek(f"{kind}")["data"] for kind in (f"buyer:{BUYER}", f"seller:{SELLER}")}
    for key in [*state.keys("page:"), *live]:
        await state.delete(key)
    assert (await town.request_ok("GET", "/orders"))["orders"] == []
    rebuilt = await town.orders.call("POST", "/rebuilds", caller="orders")
    assert rebuilt.json() == {"orders": 3, "mended": 9}
    assert {key: state.peek(key)["data"] for key in live} == live
    await town.check_consistency()


async def test_what_is_told_names_both_sides_and_no_card(town: OrdersHarness) -> None:
    id = await town.place()
    await town.wait_until_final(id)
    await town.world.settle()
    events = [event for event in town.world.broker.events("orders") if event["subject"] == id]
    last = max(events, key=lambda event: int(event["entityversion"]))["data"]
    assert (last["buyer"], last["seller"], last["state"]) == (BUYER, SELLER, "completed")
    assert "tok_ok" not in str(events)


async def test_a_cart_goes_with_its_owner(town: OrdersHarness) -> None:
    await town.fill_cart()
    profile = {"id": BUYER, "username": "", "created_at": "", "deleted": True}
    event = {
        "id": "users:user@9", "type": "account.changed", "source": "users", "subject": BUYER,
        "stream": "s", "sequence": 1, "entityversion": 9, "data": profile,
    }  # fmt: skip
    answer = await town.orders.call("POST", "/events/accounts", caller="", json=event)
    assert answer.json()["status"] == "SUCCESS"
    assert (await town.request_ok("GET", "/cart"))["lines"] == []
