"""What people do before and while a system is copied, and what must hold of it afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.invariants import InvariantCheck
from tests.chaos.retrying_client import read_all_pages, read_page
from tests.chaos.workload import POSTS, ScenarioWorkload
from tests.system import LoggedInUser, System, wait_until
from tests.system.shopping import FINAL_STATES, SHOP, buy, create_product, stock_of

STOCK = 100_000


def await_consistency(workload: ScenarioWorkload) -> dict[str, list[str]]:
    """Wait until lists, counts, timelines and notifications of a workload agree with each other.

    What was acknowledged after the copy began may be there or not; whatever is there must be there
    everywhere. Returns the posts of each author.
    """
    found: dict[str, list[str]] = {}

    def holds() -> bool:
        seen = _as_found(workload)
        found.clear()
        found.update(seen.acknowledged)
        InvariantCheck(seen).check()
        return True

    wait_until(holds)
    return found


def _as_found(workload: ScenarioWorkload) -> ScenarioWorkload:
    """Return a workload that claims what the system has, as its own documents say."""
    reader, critic = workload.followers[0], workload.critic
    posts = {
        author.name: [
            status["id"]
            for status in read_all_pages(author, f"/api/v1/accounts/{author.id}/statuses")
        ]
        for author in workload.authors
    }
    every = [id for ours in posts.values() for id in ours]
    boosted = {
        status["reblog"]["id"]: status["id"]
        for status in read_all_pages(critic, f"/api/v1/accounts/{critic.id}/statuses")
        if status["reblog"]
    }
    return ScenarioWorkload(
        name=workload.name,
        authors=workload.authors,
        followers=workload.followers,
        late=workload.late,
        critic=critic,
        fan=workload.fan,
        fickle=workload.fickle,
        acknowledged=posts,
        given_up={author.name: [] for author in workload.authors},
        liked={id: _likers(reader, id) for id in every},
        boosted={id: boosted.get(id, "") for id in every},
        followed={author.name: _follows(workload.fickle, author) for author in workload.authors},
        threads={id: _thread(reader, id) for id in every},
    )


def _likers(reader: LoggedInUser, id: str) -> set[str]:
    return {each["username"] for each in read_all_pages(reader, f"{POSTS}/{id}/favourited_by")}


def _follows(person: LoggedInUser, author: LoggedInUser) -> bool:
    (found,) = read_page(person, f"/api/v1/accounts/relationships?id[]={author.id}").json()
    return bool(found["following"])


def _thread(reader: LoggedInUser, id: str) -> list[str]:
    context = read_page(reader, f"{POSTS}/{id}/context").json()
    return [status["id"] for status in context["descendants"]]


@dataclass
class Market:
    """A seller, and buyers who order one piece after another."""

    system: System
    seller: LoggedInUser
    buyers: list[LoggedInUser]
    product: dict[str, Any]
    placed: list[str] = field(default_factory=list)
    """The ids of acknowledged orders."""

    @classmethod
    def open(cls, system: System) -> Market:
        """Register everybody, and put a product on sale."""
        seller = system.register("seller")
        buyers = [system.register("buyer") for _ in range(2)]
        return cls(system, seller, buyers, create_product(seller, STOCK))

    @contextmanager
    def buying(self) -> Iterator[None]:
        """Let buyers order while the block runs."""
        stop = threading.Event()
        with ThreadPoolExecutor(len(self.buyers)) as pool:
            running = [pool.submit(self._buy, buyer, stop) for buyer in self.buyers]
            try:
                yield
            finally:
                stop.set()
                for each in running:
                    each.result()

    def _buy(self, buyer: LoggedInUser, stop: threading.Event) -> None:
        while not stop.wait(0.1):
            self.placed.append(buy(buyer, self.product, 1)["id"])

    def await_agreement(self) -> set[str]:
        """Wait until all orders that are there are final; stock and money must agree with them.

        Returns their ids.
        """

        def at_rest() -> list[dict[str, Any]]:
            listed = self._orders()
            open_ones = {o["id"]: o["state"] for o in listed if o["state"] not in FINAL_STATES}
            assert not open_ones, f"not at rest: {open_ones}"
            return listed

        listed = wait_until(at_rest, 300.0)
        assert {order["state"] for order in listed} == {"completed"}
        left = STOCK - len(listed)
        wait_until(lambda: stock_of(self.seller, self.product) == (left, left), what=f"{left} left")
        self.system.command("ledger")
        wait_until(
            lambda: ", 0 entries corrected" in self.system.command("rebuild"),
            what="no entry to correct",
        )
        return {order["id"] for order in listed}

    def _orders(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            path = f"{SHOP}/orders?role=seller&limit=40&cursor={cursor}"
            page = self.seller.call("GET", path).json()
            found += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return found
