"""Turns a cart into an order."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from cachetools import FIFOCache

from services.chassis.errors import Conflict, Invalid, NotFound, ServiceError
from services.chassis.storage.documents import Document
from services.contracts.catalog import QuoteLine
from services.contracts.limits import MAX_PAYMENT
from services.contracts.orders import NewCheckout
from services.orders.adapters.shop_services import ShopServices
from services.orders.application.carts import total_price
from services.orders.application.order_queries import OrderReader
from services.orders.application.saga_watchdog import SagaWatchdog
from services.orders.domain import carts
from services.orders.domain import orders as rules
from services.orders.domain.carts import CartRecord
from services.orders.domain.orders import OrderItem, OrderRecord, OrderTerms
from services.orders.repository import CheckoutIntent, Repository

_MAX_REMEMBERED_ORDERS = 10_000
"""Orders of which a process remembers that it has written them."""

MAX_ATTEMPTS = 8
"""How often a checkout starts again because its cart has changed."""


class CheckoutService:
    """Places orders and starts their sagas."""

    def __init__(
        self,
        repository: Repository,
        shop_services: ShopServices,
        watchdog: SagaWatchdog,
        queries: OrderReader,
        *,
        ids: Callable[[], str],
        now: Callable[[], str],
    ) -> None:
        self._repository = repository
        self._shop_services = shop_services
        self._watchdog = watchdog
        self._queries = queries
        self._ids = ids
        self._now = now
        self._writing: dict[str, asyncio.Task[None]] = {}
        """By order, the writes of this process that are in progress."""
        self._written: FIFOCache[str, None] = FIFOCache(_MAX_REMEMBERED_ORDERS)

    async def place(self, user: str, new: NewCheckout) -> dict[str, Any]:
        """Place an order for what is in a user's cart, and return the `Order`.

        The same idempotency key creates the same order, and each revision of a cart at most one:
        one compare-and-set claims the cart for the order. It decides between two checkouts, or a
        checkout and a change of the cart. The claim contains the whole order, so any process can
        write it (`settle_claim`).

        Four state calls, one invocation and one call of the workflow engine;
        a repeat needs two state calls. Raises `Invalid` (`cart_empty`; `key_reused` for another
        request with the same key), `Conflict` (`price_changed`, with the current price;
        `not_available`; `out_of_stock`) if the buyer must confirm again, and `Conflict`
        (`cart_changed`) if the cart keeps changing.
        """
        key, fingerprint = _intent_key(user, new), _fingerprint(new)
        for _ in range(MAX_ATTEMPTS):
            intent, doc = seen = await self._repository.intent_and_cart(key, user)
            cart = doc.value if doc else CartRecord()
            if doc and cart.order:
                await self._complete(user, doc, cart.order)
                continue
            if intent and (placed := await self._existing_order(intent.value, fingerprint)):
                return self._queries.view(placed)
            try:
                terms = await self._agree_terms(user, cart, new)
            except ServiceError:
                # The cart may have been ordered meanwhile, perhaps by this very request.
                if seen == await self._repository.intent_and_cart(key, user):
                    raise
                continue
            id = await self._record_intent(key, fingerprint, intent)
            order = id and await self._claim_cart(user, doc, self._new_order(id, terms, cart, new))
            if order:
                await self._write(order)
                return self._queries.view_of_new(order)
        raise Conflict("The cart keeps changing. Read it again.", code="cart_changed")

    async def settle_claim(self, user: str, order: str) -> None:
        """Take an order out of the cart that it has claimed.

        It is written before, if the process that claimed the cart died. Two state calls, and a
        journal, one write and one call of the engine for an order that was not written.
        """
        doc = await self._repository.carts.load(user)
        if doc and doc.value.order and doc.value.order.id == order:
            await self._complete(user, doc, doc.value.order)

    async def _complete(self, user: str, seen: Document[CartRecord], order: OrderRecord) -> None:
        """Write an order that has claimed a user's cart, and take it out of the cart."""
        await self._write(order)
        await self._repository.carts.update(
            user, lambda cart: carts.clear_claim(cart, order.id), known=seen
        )

    async def _record_intent(
        self, key: str, fingerprint: str, seen: Document[CheckoutIntent] | None
    ) -> str:
        """Return the id of the order, empty if a concurrent request with the key was faster."""
        mine = seen.value if seen else CheckoutIntent(self._ids(), fingerprint)
        kept = await self._repository.intents.update(
            key, lambda known: known or mine, expect_absent=seen is None, known=seen
        )
        return mine.order if kept == mine else ""

    def _new_order(
        self, id: str, terms: OrderTerms, cart: CartRecord, new: NewCheckout
    ) -> OrderRecord:
        return rules.place(id, terms, card=new.card, cart_revision=cart.revision, now=self._now())

    async def _claim_cart(
        self, user: str, seen: Document[CartRecord] | None, order: OrderRecord
    ) -> OrderRecord | None:
        """Claim the cart. Returns the order if this request or a repeat of it claimed the cart."""
        cart = await self._repository.claims.update(
            user, lambda kept: carts.claim(kept, order), known=seen
        )
        return cart.order if cart and cart.order and cart.order.id == order.id else None

    async def _write(self, order: OrderRecord) -> None:
        """Write an order that has claimed a cart. Continues if the caller is cancelled.

        The order may be written already, or by another process at the same time.
        """
        if order.id in self._written:
            return
        writing = self._writing.get(order.id)
        if writing is None:
            writing = self._writing[order.id] = asyncio.create_task(self._write_once(order))
            writing.add_done_callback(lambda _: self._writing.pop(order.id, None))
        await asyncio.shield(writing)

    async def _write_once(self, order: OrderRecord) -> None:
        await self._repository.orders.update(
            order.id, lambda kept: kept or order, expect_absent=True
        )
        self._written[order.id] = None
        await self._watchdog.start_checkout(order.id)

    async def _existing_order(
        self, intent: CheckoutIntent, fingerprint: str
    ) -> Document[OrderRecord] | None:
        if intent.fingerprint != fingerprint:
            message = "This idempotency key was used for another checkout."
            raise Invalid(message, code="key_reused")
        return await self._repository.orders.load(intent.order)

    async def _agree_terms(self, user: str, cart: CartRecord, new: NewCheckout) -> OrderTerms:
        """Return the terms of the order, if they are what the buyer has seen."""
        if not cart.items:
            raise Invalid("The cart is empty.", code="cart_empty")
        try:
            lines = await self._shop_services.quote(cart.items, user)
        except NotFound as missing:
            if missing.code != "not_sold":
                raise
            variants = missing.details.get("variants", [])
            raise Conflict(missing.message, code="not_available", variants=variants) from missing
        cost, currency = total_price(lines), lines[0].currency
        if (cost, currency) != (new.expected_total, new.currency):
            raise Conflict(
                "The price has changed since you viewed it.",
                code="price_changed",
                total=cost,
                currency=currency,
                lines=[line.model_dump(mode="json") for line in lines],
            )
        short = [line.variant for line in lines if line.available < line.quantity]
        if short:
            message = "There is not enough stock for this order."
            raise Conflict(message, code="out_of_stock", variants=short)
        if cost > MAX_PAYMENT:
            raise Invalid("The total is more than can be paid at once.")
        return _terms(user, lines)


def _intent_key(user: str, new: NewCheckout) -> str:
    return f"{user}:{hashlib.sha256(new.idempotency_key.encode()).hexdigest()[:32]}"


def _fingerprint(new: NewCheckout) -> str:
    request = f"{new.card} {new.expected_total} {new.currency}"
    return hashlib.sha256(request.encode()).hexdigest()[:32]


def _terms(user: str, lines: Sequence[QuoteLine]) -> OrderTerms:
    first = lines[0]
    return OrderTerms(
        buyer=user,
        seller=first.seller,
        shop=first.shop,
        currency=first.currency,
        lines=tuple(
            OrderItem(
                product=line.product,
                variant=line.variant,
                title=line.title,
                name=line.name,
                quantity=line.quantity,
                price=line.price,
                picture=line.picture.model_dump(mode="json") if line.picture else None,
            )
            for line in lines
        ),
    )
