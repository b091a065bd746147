"""The demo on a real system creates its data once, however often it runs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.system import System, wait_until
from tools.demo.dataset import PASSWORD, PRODUCTS, DemoDataset

PEOPLE = 4


def seen(system: System) -> Counter[str]:
    """Return the number of visible items of the demo, by kind."""
    counted: Counter[str] = Counter()
    for person in DemoDataset(PEOPLE).people:
        path = f"/api/v1/accounts/lookup?acct={person.username}"
        account: dict[str, Any] = system.get(path).json()
        assert account["display_name"] == person.name
        assert "missing" not in account["avatar"]
        counted["follows"] += account["followers_count"]
        statuses = system.get(f"/api/v1/accounts/{account['id']}/statuses?limit=40").json()
        for status in statuses:
            counted["comments" if status["in_reply_to_id"] else "posts"] += 1
            counted["boosts"] += status["reblog"] is not None
            counted["likes"] += 0 if status["reblog"] else status["favourites_count"]
            counted["pictures"] += len(status["media_attachments"])
        shops = system.get(f"/api/shop/v1/shops?owner={account['id']}").json()["items"]
        for shop in shops:
            found = system.get(f"/api/shop/v1/products?shop={shop['id']}&limit=80").json()["items"]
            counted["products"] += len(found)
        counted["shops"] += len(shops)
    return counted


def test_a_demo_fills_the_place_once_however_often_it_is_asked_for(system: System) -> None:
    cast = DemoDataset(PEOPLE)
    output = system.command("demo", "--people", str(PEOPLE))
    assert PASSWORD in output
    follows, likes = len(list(cast.follows())), len(list(cast.likes()))

    def all_there() -> Counter[str]:
        counted = seen(system)
        assert counted["follows"] == follows
        assert counted["likes"] == likes
        assert counted["shops"] == len([person for person in cast.people if person.sells])
        assert counted["products"] == counted["shops"] * PRODUCTS
        assert counted["comments"] == len(list(cast.comments()))
        assert counted["boosts"] == len(list(cast.boosts()))
        assert counted["pictures"] == len(cast.posts) + counted["shops"]
        assert counted["posts"] == counted["pictures"] + counted["boosts"]
        return counted

    first = wait_until(all_there)
    again = system.command("demo", "--people", str(PEOPLE))
    assert " 0 posts and comments and 0 orders are new" in again
    assert seen(system) == first
