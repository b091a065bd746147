"""From a cart to an order, and what its buyer and its seller may do with it then."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from services.chassis.errors import Conflict, Invalid, NotFound, ServiceError
from services.chassis.storage.collection import Document
from services.chassis.storage.window import Window, normalize_id
from services.contracts.limits import PAYMENT
from services.contracts.orders import NewCheckout
from services.orders.adapters.shop_services import JsonObject, ShopServices
from services.orders.application.carts import total_price
from services.orders.application.saga_watchdog import SagaWatchdog
from services.orders.domain import carts
from services.orders.domain import orders as rules
from services.orders.domain.carts import CartRecord
from services.orders.domain.orders import OrderItem, OrderRecord, OrderTerms
from services.orders.repository import CheckoutIntent, OrderReadModel, Repository

MAX_ATTEMPTS = 8
"""How often a checkout begins anew because somebody else has changed the cart meanwhile."""


class CheckoutService:
    """Places orders, and hands them to the saga."""

    def __init__(
        self,
        store: Repository,
        market: ShopServices,
        watch: SagaWatchdog,
        *,
        ids: Callable[[], str],
        now: Callable[[], str],
    ) -> None:
        self._store = store
        self._market = market
        self._watch = watch
        self._ids = ids
        self._now = now
        self._writing: dict[str, asyncio.Task[None]] = {}
        """By order, what this process writes just now."""

    async def place(self, user: str, new: NewCheckout) -> dict[str, Any]:
        """Order what is in somebody's cart: an `Order`.

        The same key makes the same order, and each revision of a cart at most one: the order takes
        it with one swap, which is what decides between two checkouts, or a checkout and a change.
        The order is all in that swap, so whoever finds it in the cart can write it (`complete`).

        Six state calls, two for the journals, one invocation and one call of the workflow engine;
        again, two state calls. Raises `Invalid` (`cart_empty`; `key_reused` for another request
        with the same key), `Conflict` (`price_changed`, with what it costs now; `not_available`;
        `out_of_stock`) where the buyer must be asked again, and `Conflict` (`cart_changed`) for a
        cart that others go on changing.
        """
        key, fingerprint = _intent_key(user, new), _fingerprint(new)
        for _ in range(MAX_ATTEMPTS):
            intent, doc = seen = await self._store.intent_and_cart(key, user)
            cart = doc.value if doc else CartRecord()
            if cart.order:
                await self._write(user, cart.order)
                continue
            if intent and (placed := await self._existing_order(intent.value, fingerprint)):
                return self._view(placed)
            try:
                terms = await self._agree_terms(user, cart, new)
            except ServiceError:
                # What was read may have been ordered meanwhile, perhaps by this very request.
                if seen == await self._store.intent_and_cart(key, user):
                    raise
                continue
            id = await self._record_intent(key, fingerprint, intent)
            order = id and await self._claim_cart(user, doc, self._new_order(id, terms, cart, new))
            if order:
                await self._write(user, order)
                return self._with_outage(rules.to_public(order) | {"version": 1})
        raise Conflict("The cart was changed meanwhile. Read it again.", code="cart_changed")

    async def complete(self, user: str, order: str) -> None:
        """See that an order that has taken somebody's cart is written, whoever died.

        No state call where this process is just writing it, else one; where it is not written,
        three more, a journal and one call of the engine.
        """
        if order in self._writing:
            await asyncio.shield(self._writing[order])
            return
        cart = await self._store.carts.get(user)
        if cart and cart.order:
            await self._write(user, cart.order)

    async def _record_intent(
        self, key: str, fingerprint: str, seen: Document[CheckoutIntent] | None
    ) -> str:
        """The order that a request makes; none where another with its key is faster just now."""
        mine = seen.value if seen else CheckoutIntent(self._ids(), fingerprint)
        kept = await self._store.intents.update(
            key, lambda known: known or mine, fresh=seen is None, seen=seen
        )
        return mine.order if kept == mine else ""

    def _new_order(
        self, id: str, terms: OrderTerms, cart: CartRecord, new: NewCheckout
    ) -> OrderRecord:
        return rules.place(id, terms, card=new.card, cart_revision=cart.revision, now=self._now())

    async def _claim_cart(
        self, user: str, seen: Document[CartRecord] | None, order: OrderRecord
    ) -> OrderRecord | None:
        """The order in whose name a cart was taken, by this request or by one like it, if any."""
        cart = await self._store.claims.update(
            user, lambda kept: carts.claim(kept, order), seen=seen
        )
        return cart.order if cart and cart.order and cart.order.id == order.id else None

    async def _write(self, user: str, order: OrderRecord) -> None:
        """Write an order that has taken a cart; it may be written already, or by others now.

        It goes on when whoever asked for it has gone.
        """
        writing = self._writing.get(order.id)
        if writing is None:
            writing = self._writing[order.id] = asyncio.create_task(self._write_once(user, order))
            writing.add_done_callback(lambda _: self._writing.pop(order.id, None))
        await asyncio.shield(writing)

    async def _write_once(self, user: str, order: OrderRecord) -> None:
        await self._store.orders.update(order.id, lambda kept: kept or order, fresh=True)
        await asyncio.gather(
            self._watch.start_checkout(order.id),
            self._store.carts.update(user, lambda cart: carts.clear_claim(cart, order.id)),
        )

    async def _existing_order(
        self, intent: CheckoutIntent, fingerprint: str
    ) -> Document[OrderRecord] | None:
        return await self._store.orders.load(_check_fingerprint(intent, fingerprint).order)

    async def _agree_terms(self, user: str, cart: CartRecord, new: NewCheckout) -> OrderTerms:
        """What is bought for how much, if that is what the buyer was shown."""
        if not cart.items:
            raise Invalid("The cart is empty.", code="cart_empty")
        try:
            lines = await self._market.quote(cart.items)
        except NotFound as missing:
            if missing.code != "not_sold":
                raise
            variants = missing.details.get("variants", [])
            raise Conflict(missing.message, code="not_available", variants=variants) from missing
        cost, currency = total_price(lines), lines[0]["currency"]
        if (cost, currency) != (new.expected_total, new.currency):
            raise Conflict(
                "The price is another one than you were shown.",
                code="price_changed",
                total=cost,
                currency=currency,
                lines=lines,
            )
        short = [line["variant"] for line in lines if line["available"] < line["quantity"]]
        if short:
            message = "There is not enough of it left."
            raise Conflict(message, code="out_of_stock", variants=short)
        if cost > PAYMENT:
            raise Invalid("That is more than can be paid at once.")
        return _terms(user, lines)

    # ── orders ──────────────────────────────────────────────────────────────────────────────

    async def show(self, id: str, viewer: str) -> dict[str, Any]:
        """An `Order`, for its buyer or seller. One state call."""
        doc = await self._store.orders.load(_order_id(id))
        rules.require_party(doc.value if doc else None, viewer)
        return self._view(doc) if doc else {}

    async def list_orders(
        self, role: str, viewer: str, shop: str, window: Window
    ) -> dict[str, Any]:
        """What somebody bought or sold, perhaps in one shop: an `OrderList`.

        A shop that is not theirs has nothing for them, not even a hint that there is more. Two
        state calls, three where some were never at rest.
        """
        lists, id = (
            (self._store.by_buyer, viewer) if role == "buyer" else (self._store.by_seller, viewer)
        )
        if role == "seller" and shop:
            lists, id = self._store.by_shop, normalize_id(shop)
        rows = await lists.page(id, window)
        pages = await self._store.read_models_of([row[0] for row in rows])
        found = [pages[row[0]].order for row in rows if _is_party(pages.get(row[0]), role, viewer)]
        orders = [self._with_outage(order) for order in found]
        return {"orders": orders, "last": window.next_cursor(rows) if orders else ""}

    async def cancel(self, id: str, user: str) -> dict[str, Any]:
        """End an order that is not paid yet, for its buyer. Three state calls.

        Raises `Conflict` (`too_late`).
        """
        id = _order_id(id)
        await self._store.orders.update(id, lambda o: rules.cancel(o, user, self._now()))
        return await self.show(id, user)

    async def refund(self, id: str, user: str) -> dict[str, Any]:
        """Give all of it back, for its seller. Four state calls, one of the workflow engine.

        Raises `Conflict` (`not_completed`, `refund_refused`).
        """
        id = _order_id(id)
        await self._store.orders.update(id, lambda o: rules.request_refund(o, user, self._now()))
        await self._watch.start_refund(id)
        return await self.show(id, user)

    def _view(self, doc: Document[OrderRecord]) -> dict[str, Any]:
        return self._with_outage(rules.to_public(doc.value) | {"version": doc.version})

    def _with_outage(self, order: dict[str, Any]) -> dict[str, Any]:
        return rules.with_outage(order, self._watch.outage)


def _is_party(page: OrderReadModel | None, role: str, viewer: str) -> bool:
    return page is not None and page.order[role] == viewer


def _order_id(id: str) -> str:
    if not (id.isascii() and id.isdigit() and len(id) <= 20):
        raise NotFound("There is no such order.")
    return normalize_id(id)


def _intent_key(user: str, new: NewCheckout) -> str:
    return f"{user}:{hashlib.sha256(new.idempotency_key.encode()).hexdigest()[:32]}"


def _fingerprint(new: NewCheckout) -> str:
    said = f"{new.card} {new.expected_total} {new.currency}"
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _check_fingerprint(intent: CheckoutIntent, fingerprint: str) -> CheckoutIntent:
    if intent.fingerprint != fingerprint:
        raise Invalid("This idempotency key was used for another checkout.", code="key_reused")
    return intent


def _terms(user: str, lines: Sequence[JsonObject]) -> OrderTerms:
    return OrderTerms(
        buyer=user,
        seller=lines[0]["seller"],
        shop=lines[0]["shop"],
        currency=lines[0]["currency"],
        lines=tuple(
            OrderItem(
                product=line["product"],
                variant=line["variant"],
                title=line["title"],
                name=line["name"],
                quantity=line["quantity"],
                price=line["price"],
                picture=line.get("picture"),
            )
            for line in lines
        ),
    )
