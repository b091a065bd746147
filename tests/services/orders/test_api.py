"""Carts, checkouts and orders as the gateway asks for them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.orders.store import Store
from tests.services.orders.world import BUYER, PRICE, SELLER, Town


async def test_a_cart_shows_what_it_costs_now(town: Town) -> None:
    first, second = town.variant(), town.variant(price=99)
    for variant, quantity in ((first, 2), (second, 1), (first, 1)):
        item = {"product": variant, "variant": variant, "quantity": quantity}
        cart = await town.does("POST", "/cart/items", json=item)
    assert cart["total"] == 3 * PRICE + 99
    town.others.prices[second] = 100
    assert (await town.does("GET", "/cart"))["total"] == 3 * PRICE + 100
    changed = await town.does("PATCH", f"/cart/items/{first}", json={"quantity": 1})
    assert changed["total"] == PRICE + 100
    emptied = await town.does("DELETE", f"/cart/items/{first}")
    assert [line["variant"] for line in emptied["lines"]] == [second]


async def test_what_is_not_sold_any_more_counts_for_nothing(town: Town) -> None:
    first, second = town.variant(), town.variant()
    items = [{"product": v, "variant": v, "quantity": 1} for v in (first, second)]
    await town.does("PUT", "/cart", json={"items": items})
    town.others.gone.add(first)
    cart = await town.does("GET", "/cart")
    assert [item["variant"] for item in cart["gone"]] == [first]
    assert cart["total"] == PRICE
    refused = await town.ask("POST", "/checkouts", json=town.checkout(cart))
    assert (refused.status, refused.json()["code"]) == (409, "not_available")
    town.others.gone.add(second)
    assert (await town.does("GET", "/cart"))["lines"] == []


async def test_a_cart_that_was_changed_is_not_overwritten(town: Town) -> None:
    cart = await town.fill()
    variant = cart["lines"][0]["variant"]
    headers = {"if-match": f'"{cart["revision"]}"'}
    path = f"/cart/items/{variant}"
    await town.does("PATCH", path, json={"quantity": 3}, headers=headers)
    late = await town.ask("PATCH", path, json={"quantity": 4}, headers=headers)
    assert late.status == 412
    for other in ("3", '"x"', 'W/"2"', '"1", "3"', "", "rubbish"):
        answer = await town.ask("DELETE", path, headers={"if-match": other})
        assert answer.status == 412, other
    for known in ("*", '"2"'):
        answer = await town.ask("DELETE", path, headers={"if-none-match": known})
        assert answer.status == 412, known
    for number, seen in enumerate(('"1", "2"', "*", "4"), 5):
        wanted, headers = {"quantity": number}, {"if-match": seen}
        changed = await town.does("PATCH", path, json=wanted, headers=headers)
        assert changed["revision"] == number - 2


async def test_nobody_buys_from_themselves_or_from_two_shops_at_once(town: Town) -> None:
    variant, other = town.variant(), town.variant()
    item = {"product": variant, "variant": variant, "quantity": 1}
    own = await town.ask("POST", "/cart/items", town.seller, json=item)
    assert (own.status, own.json()["code"]) == (422, "own_product")
    elsewhere = {"product": f"9{other[1:]}", "variant": other, "quantity": 1}
    both = await town.ask("PUT", "/cart", json={"items": [item, elsewhere]})
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
async def test_what_breaks_a_bound_is_refused(town: Town, path: str, body: Any) -> None:
    if path == "/checkouts" and body:
        body = {"idempotency_key": "k", **body}
    assert (await town.ask("POST", path, json=body)).status == 422


async def test_an_empty_cart_and_unknown_things_are_refused(town: Town) -> None:
    cart = {"total": 0, "currency": "EUR"}
    empty = await town.ask("POST", "/checkouts", json=town.checkout(cart))
    assert (empty.status, empty.json()["code"]) == (422, "cart_empty")
    item = {"product": "123456789012345678", "variant": "123456789012345678", "quantity": 1}
    assert (await town.ask("POST", "/cart/items", json=item)).status == 404


@pytest.mark.parametrize("said", [{"expected_total": 1}, {"currency": "JPY"}])
async def test_a_stale_price_is_asked_about_and_never_charged(
    town: Town, said: dict[str, Any]
) -> None:
    cart = await town.fill()
    refused = await town.ask("POST", "/checkouts", json=town.checkout(cart) | said)
    body = refused.json()
    assert (refused.status, body["code"]) == (409, "price_changed")
    assert (body["total"], body["currency"]) == (cart["total"], "EUR")
    assert body["lines"][0]["price"] == PRICE
    assert town.others.payments == {}
    assert (await town.does("GET", "/orders"))["orders"] == []


async def test_a_price_that_changes_after_the_checkout_ends_the_order_uncharged(
    town: Town,
) -> None:
    cart = await town.fill()
    variant = cart["lines"][0]["variant"]
    town.orders.sidecar.faults.fail("start")
    order = await town.does("POST", "/checkouts", json=town.checkout(cart))
    town.others.prices[variant] += 1
    found = await town.rest(order["id"])
    assert (found["state"], found["history"][1]["what"]) == ("failed", "price_changed")
    await town.check()


async def test_what_is_short_is_refused_before_and_after_the_checkout(town: Town) -> None:
    variant = town.variant(stock=1)
    cart = await town.fill(variant, 2)
    refused = await town.ask("POST", "/checkouts", json=town.checkout(cart))
    assert (refused.status, refused.json()["code"]) == (409, "out_of_stock")
    cart = await town.fill(variant, 1)
    town.orders.sidecar.faults.fail("start")
    order = await town.does("POST", "/checkouts", json=town.checkout(cart))
    town.others.stock[variant] = 0
    assert (await town.rest(order["id"]))["state"] == "failed"
    await town.check()


async def test_the_same_key_makes_the_same_order(town: Town) -> None:
    cart = await town.fill()
    body = town.checkout(cart)
    answers = await asyncio.gather(*(town.ask("POST", "/checkouts", json=body) for _ in range(5)))
    assert [answer.status for answer in answers] == [200] * 5
    ids = {answer.json()["id"] for answer in answers}
    assert len(ids) == 1
    assert (await town.does("POST", "/checkouts", json=body))["id"] in ids
    await town.rest(ids.pop())
    await town.check()
    assert len(town.others.payments) == 1


async def test_a_repeat_gets_the_order_with_which_the_first_request_emptied_the_cart(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = town.checkout(await town.fill())
    first: list[Any] = []
    look = Store.intent_and_cart

    async def looks_too_early(self: Store, key: str, user: str) -> Any:
        if first:
            return await look(self, key, user)
        intent, _ = await look(self, key, user)
        first.append("on its way")
        first.append(await town.does("POST", "/checkouts", json=body))
        return intent, (await look(self, key, user))[1]

    monkeypatch.setattr(Store, "intent_and_cart", looks_too_early)
    assert (await town.does("POST", "/checkouts", json=body))["id"] == first[1]["id"]


@pytest.mark.parametrize("other", [{"card": "tok_x"}, {"expected_total": 1}, {"currency": "USD"}])
async def test_the_same_key_with_another_body_is_refused(town: Town, other: dict[str, Any]) -> None:
    body = town.checkout(await town.fill())
    await town.does("POST", "/checkouts", json=body)
    refused = await town.ask("POST", "/checkouts", json=body | other)
    assert (refused.status, refused.json()["code"]) == (422, "key_reused")


async def test_keys_are_everybodys_own(town: Town) -> None:
    body = town.checkout(await town.fill())
    await town.does("POST", "/checkouts", json=body)
    stranger = town.world.token("100000000000000001", "read:shop write:shop")
    assert (await town.ask("POST", "/checkouts", stranger, json=body)).json()[
        "code"
    ] == "cart_empty"


async def test_a_cart_is_emptied_by_its_checkout_and_not_later(town: Town) -> None:
    body = town.checkout(await town.fill())
    await town.does("POST", "/checkouts", json=body)
    assert (await town.does("GET", "/cart"))["lines"] == []
    await town.fill()
    await town.does("POST", "/checkouts", json=body)
    assert len((await town.does("GET", "/cart"))["lines"]) == 1


async def test_an_order_is_seen_by_its_two_sides_alone(town: Town) -> None:
    id = await town.place()
    await town.rest(id)
    await town.world.settle()
    stranger = town.world.token("100000000000000001", "read:shop write:shop")
    assert (await town.ask("GET", f"/orders/{id}", stranger)).status == 404
    for verb in ("cancel", "refund"):
        assert (await town.ask("POST", f"/orders/{id}/{verb}", stranger)).status == 404
    assert (await town.ask("POST", f"/orders/{id}/cancel", town.seller)).status == 403
    assert (await town.ask("POST", f"/orders/{id}/refund")).status == 403
    for role, token, mine in (
        ("buyer", town.buyer, [id]),
        ("seller", town.seller, [id]),
        ("seller", town.buyer, []),
        ("buyer", stranger, []),
    ):
        page = await town.does("GET", f"/orders?role={role}", token)
        assert [order["id"] for order in page["orders"]] == mine
    shop = (await town.order(id))["shop"]
    for token, mine in ((town.seller, [id]), (town.buyer, []), (stranger, [])):
        page = await town.does("GET", f"/orders?role=seller&shop={shop}&limit=1", token)
        assert [order["id"] for order in page["orders"]] == mine
        assert page["last"] == "".join(mine)


async def test_scopes_and_tokens_are_asked_for(town: Town) -> None:
    reader = town.world.token(BUYER, "read:shop")
    assert (await town.ask("GET", "/cart", reader)).status == 200
    assert (await town.ask("PUT", "/cart", reader, json={"items": []})).status == 403
    assert (await town.orders.call("GET", "/cart")).status == 401
    assert (await town.orders.call("POST", "/rebuilds", caller="gateway")).status == 403


async def test_orders_are_paged_by_id(town: Town) -> None:
    ids = [await town.place() for _ in range(5)]
    await town.world.settle()
    first = await town.does("GET", "/orders?limit=2")
    assert [order["id"] for order in first["orders"]] == ids[:2:-1]
    rest = await town.does("GET", f"/orders?limit=20&max_id={first['last']}")
    assert [order["id"] for order in rest["orders"]] == ids[2::-1]
    assert rest["last"] == ""


async def test_a_completed_order_is_refunded_by_its_seller_and_cancelled_by_nobody(
    town: Town,
) -> None:
    id = await town.place()
    order = await town.rest(id)
    assert [entry["what"] for entry in order["history"]] == [
        *("placed", "reserved", "authorized", "confirmed", "capturing", "completed"),
    ]
    times = [entry["at"] for entry in order["history"]]
    assert times == sorted(times)
    late = await town.ask("POST", f"/orders/{id}/cancel")
    assert (late.status, late.json()["code"]) == (409, "too_late")
    await town.does("POST", f"/orders/{id}/refund", town.seller)
    assert (await town.rest(id))["state"] == "refunded"
    assert (await town.does("POST", f"/orders/{id}/refund", town.seller))["state"] == "refunded"
    await town.check()


async def test_what_was_not_paid_cannot_be_refunded(town: Town) -> None:
    id = await town.place("tok_declined")
    await town.rest(id)
    refused = await town.ask("POST", f"/orders/{id}/refund", town.seller)
    assert (refused.status, refused.json()["code"]) == (409, "not_completed")


async def test_what_costs_nothing_is_not_paid(town: Town) -> None:
    id = await town.place(variant=town.variant(price=0))
    assert (await town.rest(id))["state"] == "completed"
    assert town.others.payments == {}
    await town.does("POST", f"/orders/{id}/refund", town.seller)
    assert (await town.rest(id))["state"] == "refunded"
    await town.check()


async def test_what_lists_show_can_be_made_anew(town: Town) -> None:
    ids = [await town.place(card) for card in ("tok_ok", "tok_declined", "tok_ok")]
    for id in ids:
        await town.rest(id)
    await town.check()
    state = town.world.state("orders")
    live = {kind: state.peek(f"{kind}")["data"] for kind in (f"buyer:{BUYER}", f"seller:{SELLER}")}
    for key in [*state.keys("page:"), *live]:
        await state.delete(key)
    assert (await town.does("GET", "/orders"))["orders"] == []
    rebuilt = await town.orders.call("POST", "/rebuilds", caller="orders")
    assert rebuilt.json() == {"orders": 3, "mended": 9}
    assert {key: state.peek(key)["data"] for key in live} == live
    await town.check()


async def test_what_is_told_names_both_sides_and_no_card(town: Town) -> None:
    id = await town.place()
    await town.rest(id)
    await town.world.settle()
    events = [event for event in town.world.broker.events("orders") if event["subject"] == id]
    last = max(events, key=lambda event: int(event["entityversion"]))["data"]
    assert (last["buyer"], last["seller"], last["state"]) == (BUYER, SELLER, "completed")
    assert "tok_ok" not in str(events)


async def test_a_cart_goes_with_its_owner(town: Town) -> None:
    await town.fill()
    event = {
        "id": "users:user@9", "type": "account.changed", "source": "users", "subject": BUYER,
        "stream": "s", "sequence": 1, "entityversion": 9, "data": {"id": BUYER, "deleted": True},
    }  # fmt: skip
    answer = await town.orders.call("POST", "/events/accounts", caller="", json=event)
    assert answer.json()["status"] == "SUCCESS"
    assert (await town.does("GET", "/cart"))["lines"] == []
