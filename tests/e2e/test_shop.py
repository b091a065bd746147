"""The shop: opened, filled, found and sold out, over plain HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.system import LoggedInUser, System, wait_until
from tests.system.checked_session import CheckedSession
from tests.system.shopping import SHOP, create_product


def found(session: CheckedSession, system: System, **params: str) -> list[str]:
    answered = session.get(f"{system.base}{SHOP}/products", params=params, timeout=60)
    assert answered.status_code == 200, answered.text
    return [row["title"] for row in answered.json()["items"]]


@pytest.fixture
def word(anna: LoggedInUser) -> str:
    """A word that is in no product of another test."""
    return f"mug{anna.id}"


def test_what_somebody_sells_is_found_by_everybody(
    system: System, anna: LoggedInUser, session: CheckedSession, picture: Path, word: str
) -> None:
    uploaded = anna.upload(picture)
    product = create_product(
        anna, 3, title=f"Blue {word}", media_ids=[uploaded.id], description="300 ml"
    )
    shown = session.get(f"{system.base}{SHOP}/products/{product['id']}", timeout=60)
    assert shown.json() == product
    assert shown.headers["ETag"] == '"1"'
    assert session.get(product["pictures"][0]["url"], timeout=60).status_code == 200
    wait_until(lambda: found(session, system, q=f"{word} blue") == [product["title"]])
    wait_until(lambda: found(session, system, shop=product["shop_id"]) == [product["title"]])
    gone = anna.call("DELETE", f"{SHOP}/products/{product['id']}", headers={"If-Match": '"1"'})
    assert gone.json()["archived"]
    assert found(session, system, q=word) == []
    hidden = session.get(f"{system.base}{SHOP}/products/{product['id']}", timeout=60)
    assert hidden.status_code == 404
    assert hidden.headers["Content-Type"] == "application/problem+json"


def test_a_post_shows_what_is_sold_also_to_clients_that_know_no_products(
    anna: LoggedInUser, ben: LoggedInUser, picture: Path, word: str
) -> None:
    product = create_product(anna, title=word, media_ids=[anna.upload(picture).id])
    body = {"status": "new in", "product_ids[]": [product["id"], "1"]}
    posted = anna.call("POST", "/api/v1/statuses", data=body).json()
    assert [card["id"] for card in posted["products"]] == [product["id"]]
    assert posted["products"][0]["picture"]["url"] == product["pictures"][0]["url"]
    ben.client.account_follow(anna.id)

    def at_home(titles: list[str]) -> bool:
        page = ben.client.timeline_home()
        return [card["title"] for each in page for card in each["products"]] == titles

    wait_until(lambda: at_home([word]))
    assert "new in" in ben.toot("status", posted["id"])
    headers = {"If-Match": '"1"'}
    assert anna.call("DELETE", f"{SHOP}/products/{product['id']}", headers=headers).ok
    wait_until(lambda: at_home([]))


def test_of_many_edits_at_once_one_wins(anna: LoggedInUser, word: str) -> None:
    product = create_product(anna, 3, title=word)
    path, headers = f"{SHOP}/products/{product['id']}", {"If-Match": '"1"'}

    def edit(number: int) -> int:
        session = CheckedSession()
        session.headers["Authorization"] = f"Bearer {anna.token}"
        body = {"description": f"edit {number}"}
        return session.patch(anna.base + path, json=body, headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(edit, range(8))) == [200] + [412] * 7
    assert anna.call("PATCH", path, json={"description": "x"}).status_code == 428


def test_deliveries_at_once_add_up(anna: LoggedInUser, ben: LoggedInUser, word: str) -> None:
    product = create_product(anna, 1, title=word)
    path = f"{SHOP}/products/{product['id']}/variants/{product['variants'][0]['id']}/stock"

    def deliver(number: int) -> int:
        session = CheckedSession()
        session.headers["Authorization"] = f"Bearer {anna.token}"
        session.headers["Idempotency-Key"] = f"delivery {number % 10}"
        url = f"{anna.base}{path}/adjustments"
        return session.post(url, json={"delta": 2}, timeout=60).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(deliver, range(20))) == {200}
    stocks = anna.call("GET", f"{SHOP}/products/{product['id']}/stock").json()["items"]
    assert [(row["on_hand"], row["available"]) for row in stocks] == [(21, 21)]
    for method, more in (("PUT", ""), ("POST", "/adjustments")):
        body = {"on_hand": 1, "delta": 1}
        refused = ben.call(method, path + more, json=body, headers={"If-Match": '"1"'})
        assert refused.status_code == 403


def test_a_shop_goes_with_its_owner(
    system: System, anna: LoggedInUser, session: CheckedSession, word: str
) -> None:
    product = create_product(anna, 3, title=word)
    wait_until(lambda: found(session, system, q=word) == [word])
    anna.call("POST", "/api/v1/accounts/delete", json={"password": anna.password})
    url = f"{system.base}{SHOP}/products/{product['id']}"
    wait_until(lambda: session.get(url, timeout=60).status_code == 404, what="gone")
    assert found(session, system, q=word) == []
