"""Buying and selling: carts, checkouts, and the states of orders."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from requests import Response

from tests.e2e.test_graphql import send
from tests.system import LoggedInUser, System, wait_until
from tests.system.shopping import (
    FINAL_STATES,
    SHOP,
    await_final_state,
    buy,
    checkout,
    create_product,
    get_order,
    set_cart,
    stock_of,
)


def whats(found: dict[str, Any]) -> list[str]:
    return [entry["what"] for entry in found["history"]]


def test_what_is_bought_is_paid_once_and_both_sides_see_how(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    product = create_product(anna)
    placed = buy(ben, product, 2)
    assert placed["state"] in ("placed", "paying", "completed")
    done = await_final_state(ben, placed["id"])
    assert done["state"] == "completed"
    assert whats(done) == [
        *("placed", "reserved", "authorized", "confirmed", "capturing", "completed"),
    ]
    assert done["total"] == {"amount": 4800, "currency": "EUR", "decimal": "48.00"}
    assert get_order(anna, placed["id"]) == done
    assert stock_of(anna, product) == (8, 8)
    assert ben.call("GET", f"{SHOP}/cart").json()["items"] == []

    def listed(person: LoggedInUser, role: str) -> list[str]:
        page = person.call("GET", f"{SHOP}/orders", params={"role": role}).json()
        return [each["id"] for each in page["items"] if each["state"] == "completed"]

    wait_until(lambda: listed(ben, "buyer") == [placed["id"]])
    wait_until(lambda: listed(anna, "seller") == [placed["id"]])
    assert listed(anna, "buyer") == listed(ben, "seller") == []


def test_a_declined_card_leaves_nothing_behind(anna: LoggedInUser, ben: LoggedInUser) -> None:
    product = create_product(anna)
    done = await_final_state(ben, buy(ben, product, 2, card="tok_declined")["id"])
    assert (done["state"], done["paid"]) == ("declined", False)
    assert stock_of(anna, product) == (10, 10)


def test_what_is_out_of_stock_is_not_sold(anna: LoggedInUser, ben: LoggedInUser) -> None:
    product = create_product(anna, stock=1)
    refused = checkout(ben, set_cart(ben, product, 2))
    assert (refused.status_code, refused.json()["code"]) == (409, "out_of_stock")
    assert stock_of(anna, product) == (1, 1)


def test_a_price_that_changed_is_asked_about(anna: LoggedInUser, ben: LoggedInUser) -> None:
    product = create_product(anna)
    cart = set_cart(ben, product, 1)
    variant = product["variants"][0]["id"]
    edited = anna.call(
        "PATCH",
        f"{SHOP}/products/{product['id']}",
        json={"variants": [{"id": variant, "name": "blue", "price": 2500}]},
        headers={"If-Match": '"1"'},
    )
    assert edited.ok, edited.text
    refused = checkout(ben, cart)
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (409, "price_changed")
    assert problem["total"]["amount"] == problem["items"][0]["price"]["amount"] == 2500
    again = checkout(ben, cart | {"total": problem["total"]})
    assert again.status_code == 201
    assert await_final_state(ben, again.json()["id"])["total"]["amount"] == 2500


def test_an_order_is_cancelled_by_its_buyer_while_it_waits_for_its_payment(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    product = create_product(anna)
    placed = buy(ben, product, 1, card="tok_pending")["id"]
    answer = ben.call("POST", f"{SHOP}/orders/{placed}/cancel")
    done = await_final_state(ben, placed)
    if answer.ok:
        assert (done["state"], done["paid"]) == ("cancelled", False)
        assert stock_of(anna, product) == (10, 10)
    else:  # the provider was faster
        assert answer.json()["code"] == "too_late"
        assert done["state"] == "completed"


def test_what_was_sold_is_refunded_by_its_seller(anna: LoggedInUser, ben: LoggedInUser) -> None:
    product = create_product(anna)
    placed = buy(ben, product, 3)["id"]
    assert await_final_state(ben, placed)["state"] == "completed"
    late = ben.call("POST", f"{SHOP}/orders/{placed}/cancel")
    assert (late.status_code, late.json()["code"]) == (409, "too_late")
    assert ben.call("POST", f"{SHOP}/orders/{placed}/refund").status_code == 403
    assert anna.call("POST", f"{SHOP}/orders/{placed}/refund").ok
    done = wait_until(lambda: _in(ben, placed, "refunded"), what="refunded")
    assert done is not None
    assert whats(done)[-3:] == ["refund_requested", "restocked", "refunded"]
    assert stock_of(anna, product) == (10, 10)


def _in(person: LoggedInUser, id: str, state: str) -> dict[str, Any] | None:
    found = get_order(person, id)
    return found if found["state"] == state else None


def test_the_same_key_is_the_same_order_and_another_body_is_refused(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    cart = set_cart(ben, create_product(anna), 1)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: checkout(ben, cart, key="once"), range(4)))
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert checkout(ben, cart, key="once").json()["id"] in made
    other = checkout(ben, cart, key="once", card="tok_slow")
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")


def test_of_checkouts_at_once_with_different_keys_one_gets_the_cart(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    product = create_product(anna)
    rounds, won = 3, []
    for _ in range(rounds):
        cart = set_cart(ben, product, 1)
        with ThreadPoolExecutor(4) as pool:
            by_rest = [pool.submit(checkout, ben, cart) for _ in range(2)]
            by_graphql = [pool.submit(_checkout_by_graphql, ben, cart) for _ in range(2)]
            ids = [_made(answer.result()) for answer in by_rest]
            ids += [answer.result() for answer in by_graphql]
        won.append([id for id in ids if id])
    assert [len(each) for each in won] == [1] * rounds
    assert {await_final_state(ben, id)["state"] for (id,) in won} == {"completed"}
    assert stock_of(anna, product) == (10 - rounds, 10 - rounds)
    assert ben.call("GET", f"{SHOP}/cart").json()["items"] == []


def _made(answer: Response) -> str:
    if answer.status_code == 201:
        return str(answer.json()["id"])
    said = (answer.status_code, answer.json()["code"])
    assert said in {(409, "cart_changed"), (422, "cart_empty")}
    return ""


def _checkout_by_graphql(buyer: LoggedInUser, cart: dict[str, Any]) -> str:
    query = """
    mutation ($key: String!, $total: Minor!, $currency: String!) {
      checkout(idempotencyKey: $key, card: "tok_ok", expectedTotal: $total, currency: $currency) {
        id
      }
    }
    """
    total = cart["total"]
    variables = {"total": total["amount"], "currency": total["currency"]}
    variables["key"] = secrets.token_hex(8)
    said = send(buyer.base, buyer.token, query=query, variables=variables).json()
    if "errors" not in said:
        return str(said["data"]["checkout"]["id"])
    assert said["errors"][0]["extensions"]["code"] in ("CONFLICT", "BAD_USER_INPUT")
    return ""


def test_of_many_buyers_of_the_last_pieces_as_many_get_one_as_there_are(
    system: System, anna: LoggedInUser
) -> None:
    product = create_product(anna, stock=3)
    buyers = [system.register(f"buyer{number}") for number in range(6)]

    def try_to(buyer: LoggedInUser) -> str:
        answer = checkout(buyer, set_cart(buyer, product, 1))
        if answer.status_code == 409:
            return "out of stock"
        return str(await_final_state(buyer, answer.json()["id"])["state"])

    with ThreadPoolExecutor(6) as pool:
        ends = list(pool.map(try_to, buyers))
    assert ends.count("completed") == 3, ends
    assert stock_of(anna, product) == (0, 0)


def test_other_peoples_orders_are_nobodys(
    anna: LoggedInUser, ben: LoggedInUser, system: System
) -> None:
    placed = buy(ben, create_product(anna), 1)["id"]
    carl = system.register("carl")
    assert carl.call("GET", f"{SHOP}/orders/{placed}").status_code == 404
    for verb in ("cancel", "refund"):
        assert carl.call("POST", f"{SHOP}/orders/{placed}/{verb}").status_code == 404
    assert await_final_state(ben, placed)["state"] in FINAL_STATES


def test_what_is_shown_can_be_made_anew(
    system: System, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    placed = buy(ben, create_product(anna), 1)["id"]
    await_final_state(ben, placed)

    def nothing_to_mend() -> bool:
        return ", 0 entries corrected" in system.command("rebuild")

    wait_until(nothing_to_mend)
