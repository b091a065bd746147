"""From a cart to an order, and what its buyer and its seller may do with it then."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from services.chassis.documents import Doc
from services.chassis.errors import Duplicate, Failure, Invalid, NotFound
from services.chassis.paging import Window, normal
from services.contracts.limits import PAYMENT
from services.contracts.orders import NewCheckout
from services.orders.carting import total
from services.orders.domain import carts
from services.orders.domain import orders as rules
from services.orders.domain.carts import Cart
from services.orders.domain.orders import Line, Order, Terms
from services.orders.market import Answer, Market
from services.orders.store import Intent, Page, Store
from services.orders.watch import Watch


class Checkout:
    """Places orders, and hands them to the saga."""

    def __init__(
        self,
        store: Store,
        market: Market,
        watch: Watch,
        *,
        ids: Callable[[], str],
        now: Callable[[], str],
    ) -> None:
        self._store = store
        self._market = market
        self._watch = watch
        self._ids = ids
        self._now = now

    async def place(self, user: str, new: NewCheckout) -> dict[str, Any]:
        """Order what is in somebody's cart: an `Order`.

        The same key makes the same order. Four state calls, one for the journal, one invocation
        and one call of the workflow engine; again, two state calls. Raises `Invalid` (`key_reused`)
        for another request with the same key, `Duplicate` (`price_changed`, with what it costs now;
        `not_available`; `out_of_stock`) where the buyer must be asked again.
        """
        key, fingerprint = _key(user, new), _fingerprint(new)
        intent, doc = await self._store.intent_and_cart(key, user)
        if intent and (placed := await self._made_of(intent.value, fingerprint)):
            return _view(placed)
        cart = doc.value if doc else Cart()
        try:
            terms = await self._agreed(user, cart, new)
        except Failure:
            # Another request with this key may have come to its end meanwhile, with the cart.
            found = await self._store.intents.get(key)
            if found and (placed := await self._made_of(found, fingerprint)):
                return _view(placed)
            raise
        intended = Intent(self._ids(), fingerprint)
        kept = await self._store.intents.update(
            key, lambda known: known or intended, fresh=intent is None, seen=intent
        )
        order = rules.place(
            _meant(kept or intended, fingerprint).order,
            terms,
            card=new.card,
            cart_revision=cart.revision,
            now=self._now(),
        )
        await self._store.orders.update(order.id, lambda kept: kept or order, fresh=True)
        await self._watch.begin(order.id)
        await self._store.carts.update(
            user, lambda kept: carts.ordered(kept, cart.revision), seen=doc
        )
        return rules.public(order) | {"version": 1}

    async def _made_of(self, intent: Intent, fingerprint: str) -> Doc[Order] | None:
        return await self._store.orders.load(_meant(intent, fingerprint).order)

    async def _agreed(self, user: str, cart: Cart, new: NewCheckout) -> Terms:
        """What is bought for how much, if that is what the buyer was shown."""
        if not cart.items:
            raise Invalid("The cart is empty.", code="cart_empty")
        try:
            lines = await self._market.quote(cart.items)
        except NotFound as missing:
            if missing.code != "not_sold":
                raise
            variants = missing.details.get("variants", [])
            raise Duplicate(missing.message, code="not_available", variants=variants) from missing
        cost, currency = total(lines), lines[0]["currency"]
        if (cost, currency) != (new.expected_total, new.currency):
            raise Duplicate(
                "The price is another one than you were shown.",
                code="price_changed",
                total=cost,
                currency=currency,
                lines=lines,
            )
        short = [line["variant"] for line in lines if line["available"] < line["quantity"]]
        if short:
            message = "There is not enough of it left."
            raise Duplicate(message, code="out_of_stock", variants=short)
        if cost > PAYMENT:
            raise Invalid("That is more than can be paid at once.")
        return _terms(user, lines)

    # ── orders ──────────────────────────────────────────────────────────────────────────────

    async def show(self, id: str, viewer: str) -> dict[str, Any]:
        """An `Order`, for its buyer or seller. One state call."""
        doc = await self._store.orders.load(_order_id(id))
        rules.seen(doc.value if doc else None, viewer)
        return _view(doc) if doc else {}

    async def some(self, role: str, viewer: str, shop: str, window: Window) -> dict[str, Any]:
        """What somebody bought or sold, perhaps in one shop: an `OrderList`.

        A shop that is not theirs has nothing for them, not even a hint that there is more. Two
        state calls, three where some were never at rest.
        """
        lists, id = (self._store.bought, viewer) if role == "buyer" else (self._store.sold, viewer)
        if role == "seller" and shop:
            lists, id = self._store.of_shop, normal(shop)
        rows = await lists.page(id, window)
        pages = await self._store.pages_of([row[0] for row in rows])
        orders = [pages[row[0]].order for row in rows if _is_of(pages.get(row[0]), role, viewer)]
        return {"orders": orders, "last": window.more(rows) if orders else ""}

    async def cancel(self, id: str, user: str) -> dict[str, Any]:
        """End an order that is not paid yet, for its buyer. Three state calls.

        Raises `Duplicate` (`too_late`).
        """
        id = _order_id(id)
        await self._store.orders.update(id, lambda o: rules.cancelled(o, user, self._now()))
        return await self.show(id, user)

    async def refund(self, id: str, user: str) -> dict[str, Any]:
        """Give all of it back, for its seller. Four state calls, one of the workflow engine.

        Raises `Duplicate` (`not_completed`, `refund_refused`).
        """
        id = _order_id(id)
        await self._store.orders.update(id, lambda o: rules.refund_asked(o, user, self._now()))
        await self._watch.begin_refund(id)
        return await self.show(id, user)


def _is_of(page: Page | None, role: str, viewer: str) -> bool:
    return page is not None and page.order[role] == viewer


def _view(doc: Doc[Order]) -> dict[str, Any]:
    return rules.public(doc.value) | {"version": doc.version}


def _order_id(id: str) -> str:
    if not (id.isascii() and id.isdigit() and len(id) <= 20):
        raise NotFound("There is no such order.")
    return normal(id)


def _key(user: str, new: NewCheckout) -> str:
    return f"{user}:{hashlib.sha256(new.idempotency_key.encode()).hexdigest()[:32]}"


def _fingerprint(new: NewCheckout) -> str:
    said = f"{new.card} {new.expected_total} {new.currency}"
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _meant(intent: Intent, fingerprint: str) -> Intent:
    if intent.fingerprint != fingerprint:
        raise Invalid("This idempotency key was used for another checkout.", code="key_reused")
    return intent


def _terms(user: str, lines: Sequence[Answer]) -> Terms:
    return Terms(
        buyer=user,
        seller=lines[0]["seller"],
        shop=lines[0]["shop"],
        currency=lines[0]["currency"],
        lines=tuple(
            Line(
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
