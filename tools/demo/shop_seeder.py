"""Seeds shops and orders of the demo; existing ones are left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from tools.demo import image_generator
from tools.demo.api_client import DemoApiClient, picture
from tools.demo.dataset import PRODUCT_KINDS, PRODUCTS, DemoDataset, DemoPerson, seeded_random
from tools.demo.seeder import DemoSeeder, SignedInPerson

SHOP = "/api/shop/v1"
STOCK = 25
_PAGE = 80
_SHARE = 0.12
_CURRENCIES = ("EUR", "GBP", "CHF", "USD")


@dataclass(frozen=True)
class DemoProduct:
    """One product of a seller."""

    seller: DemoPerson
    number: int

    @property
    def seed(self) -> int:
        """The seed of its picture."""
        return 1_000_000 + self.seller.number * 10 + self.number

    @property
    def _ware(self) -> tuple[str, str, int]:
        return PRODUCT_KINDS[(self.seller.number + self.number) % len(PRODUCT_KINDS)]

    @property
    def title(self) -> str:
        return self._ware[0]

    @property
    def description(self) -> str:
        return self._ware[1]

    @property
    def variants(self) -> list[dict[str, Any]]:
        price = self._ware[2]
        sizes = (("small", price), ("large", price * 8 // 5))
        return [{"name": name, "price": each, "stock": STOCK} for name, each in sizes]


def list_products(person: DemoPerson) -> list[DemoProduct]:
    """Return all products of a seller."""
    return [DemoProduct(person, number) for number in range(PRODUCTS)]


def plan_purchases(cast: DemoDataset) -> dict[DemoPerson, list[DemoProduct]]:
    """Return the products that each person buys."""
    sold = [product for seller in cast.people if seller.sells for product in list_products(seller)]
    return {
        buyer: [p for p in sold if p.seller != buyer and _purchases_of(buyer, p)]
        for buyer in cast.people
    }


def _purchases_of(buyer: DemoPerson, product: DemoProduct) -> bool:
    return seeded_random("buy", buyer.number, product.seed) < _SHARE


class ShopSeeder:
    """Opens shops for the people that a `DemoSeeder` has created, and places their orders."""

    def __init__(self, client: DemoApiClient, cast: DemoDataset, play: DemoSeeder) -> None:
        self._client = client
        self._cast = cast
        self._play = play
        self.products: dict[DemoProduct, dict[str, Any]] = {}
        self.orders = 0
        """The number of new orders."""

    async def run(self) -> None:
        """Seed everything."""
        sellers = [person for person in self._cast.people if person.sells]
        await self._play.each("shops", sellers, self._open)
        wanted = [item for item in plan_purchases(self._cast).items() if item[1]]
        await self._play.each("shoppers", wanted, self._go_shopping)

    # ── selling ─────────────────────────────────────────────────────────────────────────────

    async def _open(self, person: DemoPerson) -> None:
        seller = self._play.known[person.number]
        shop = await self._shop(seller)
        async for there in self._list_all(seller, "products", shop=shop["id"]):
            for product in list_products(person):
                if product.title == there["title"]:
                    self.products[product] = there
        for product in list_products(person):
            if product not in self.products:
                self.products[product] = await self._sell(seller, shop["id"], product)
        await self._publish_pictures(seller, list_products(person)[0])

    async def _shop(self, seller: SignedInPerson) -> dict[str, Any]:
        person = seller.person
        name = f"{person.first}'s table"
        async for shop in self._list_all(seller, "shops", owner=seller.account["id"]):
            if shop["name"] == name:
                return shop
        about = {
            "name": name,
            "description": f"Made by hand in {person.place}.",
            "currency": _CURRENCIES[person.number // 3 % len(_CURRENCIES)],
        }
        return await self._create(seller, "shops", f"shop-{person.username}", about)

    async def _sell(
        self, seller: SignedInPerson, shop: str, product: DemoProduct
    ) -> dict[str, Any]:
        shown = await self._picture(seller, product)
        about = {
            "shop": shop,
            "title": product.title,
            "description": product.description,
            "media_ids": [shown],
            "variants": product.variants,
        }
        key = f"product-{seller.person.username}-{product.number}"
        return await self._create(seller, "products", key, about)

    async def _publish_pictures(self, seller: SignedInPerson, product: DemoProduct) -> None:
        """Publish a post that shows a product."""
        words = f"New on my table: {product.title.lower()} #shop #handmade"
        if (words, "") in seller.statuses:
            return
        said = {
            "status": words,
            "media_ids": [await self._picture(seller, product)],
            "product_ids": [self.products[product]["id"]],
            "language": "en",
        }
        await self._play.publish(seller, f"{seller.person.username}-shop", said)

    async def _picture(self, seller: SignedInPerson, product: DemoProduct) -> str:
        drawn = await asyncio.to_thread(image_generator.draw, "still life", product.seed)
        form = picture(drawn, description=product.title)
        shown = await self._client.request("POST", "/api/v2/media", seller.token, form=form)
        return str(shown["id"])

    # ── buying ──────────────────────────────────────────────────────────────────────────────

    async def _go_shopping(self, wanted: tuple[DemoPerson, list[DemoProduct]]) -> None:
        """Order each product separately, because a cart belongs to one shop."""
        person, products = wanted
        buyer = self._play.known[person.number]
        bought = {
            item["product_id"]
            async for order in self._list_all(buyer, "orders", role="buyer")
            for item in order["items"]
        }
        for product in products:
            if self.products[product]["id"] not in bought:
                await self._buy(buyer, product)

    async def _buy(self, buyer: SignedInPerson, product: DemoProduct) -> None:
        there = self.products[product]
        size = int(
            seeded_random("size", buyer.person.number, product.seed) * len(there["variants"])
        )
        item = {"product": there["id"], "variant": there["variants"][size]["id"], "quantity": 1}
        path = f"{SHOP}/cart"
        cart = await self._client.request("PUT", path, buyer.token, json={"items": [item]})
        total = cart["total"]
        order = {
            "card": "tok_pending" if product.number == 0 else "tok_ok",
            "expected_total": total["amount"],
            "currency": total["currency"],
        }
        await self._create(
            buyer, "checkouts", f"order-{buyer.person.username}-{product.seed}", order
        )
        self.orders += 1

    # ── asking ──────────────────────────────────────────────────────────────────────────────

    async def _create(
        self, known: SignedInPerson, what: str, key: str, about: Any
    ) -> dict[str, Any]:
        headers = {"idempotency-key": f"demo-{key}"}
        made: dict[str, Any] = await self._client.request(
            "POST", f"{SHOP}/{what}", known.token, json=about, headers=headers
        )
        return made

    async def _list_all(
        self, known: SignedInPerson, what: str, **params: str
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield all items of a list, page by page."""
        asked = {**params, "limit": str(_PAGE)}
        while True:
            page = await self._client.request("GET", f"{SHOP}/{what}", known.token, params=asked)
            for item in page["items"]:
                yield item
            if not page["next_cursor"]:
                return
            asked["cursor"] = page["next_cursor"]
