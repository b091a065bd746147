"""Orders with fakes of catalog and payments, which can fail at every step."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from fastapi import APIRouter, FastAPI, Request

from services.chassis.errors import Conflict, NotFound, OutcomeUnknown, Unavailable
from services.chassis.http.responses import OrjsonResponse
from services.chassis.ids import SnowflakeGenerator, utc_now
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.storage.segmented_list import SegmentedLists
from services.chassis.workflows.workflows import Workflows
from services.orders.app import create_app
from services.orders.application.checkout_starts import CheckoutStarts
from services.orders.application.saga_watchdog import SagaWatchdog
from services.orders.domain.orders import FINAL_STATES
from services.orders.repository import Repository
from tests.fakes import FakeCluster, Response, RunningReplica, open_access

_ids = SnowflakeGenerator()

DEADLINE = 20.0
"""Seconds of real time in which an order must become final. Pauses of workflows take none."""

PRICE = 1_250


def orders_app(settings: Settings) -> FastAPI:
    return create_app(Service(settings))


Fault = Callable[[Callable[[], Any]], Awaitable[Any]]
"""What a step does instead of its effect, which is its argument."""


@dataclass
class FakeShopServices:
    """The state and answers of catalog and payments. `faults` apply to the next calls of a step."""

    prices: dict[str, int] = field(default_factory=dict)
    stock: dict[str, int] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    reservations: dict[str, dict[str, Any]] = field(default_factory=dict)
    payments: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    pending: int = 0
    """How often a payment with `tok_pending` is pending."""

    async def step(self, name: str, effect: Callable[[], Any]) -> OrjsonResponse:
        self.calls.append(name)
        misdeeds = self.faults.get(name, [])
        if misdeeds:
            return OrjsonResponse(await misdeeds.pop(0)(effect))
        return OrjsonResponse(effect())

    # ── catalog ─────────────────────────────────────────────────────────────────────────────

    def catalog_app(self, settings: Settings) -> FastAPI:
        service, router = Service(settings), APIRouter()

        @router.post("/quotes")
        async def quote(request: Request) -> OrjsonResponse:
            items = (await request.json())["items"]
            return await self.step("quote", lambda: self._quote(items))

        @router.post("/reservations")
        async def reserve(request: Request) -> OrjsonResponse:
            body = await request.json()
            return await self.step("reserve", lambda: self._reserve(body))

        @router.post("/reservations/{order}/{verb}")
        async def change(order: str, verb: str) -> OrjsonResponse:
            effect = {"confirm": self._confirm, "release": self._release, "restock": self._restock}
            return await self.step(verb, lambda: effect[verb](order))

        return service.create_app(router, access=open_access(service, router))

    def _quote(self, items: list[dict[str, Any]]) -> Any:
        missing = [i["variant"] for i in items if i["variant"] not in self.prices]
        missing += [i["variant"] for i in items if i["variant"] in self.gone]
        if missing:
            raise NotFound("Some of it is not sold.", code="not_sold", variants=missing)
        return {"lines": [self._line(**item) for item in items]}

    def _line(self, product: str, variant: str, quantity: int) -> dict[str, Any]:
        return {
            "product": product,
            "variant": variant,
            "quantity": quantity,
            "title": "a thing",
            "name": "large",
            "price": self.prices[variant],
            "currency": "EUR",
            "available": self.stock[variant],
            "shop": f"7{product[1:]}" if product.startswith("9") else SHOP,
            "seller": SELLER,
            "picture": None,
        }

    def _reserve(self, body: dict[str, Any]) -> Any:
        agreed = body["agreed"]
        lines = self._quote([_item(each) for each in agreed])["lines"]
        changed = [
            line["variant"]
            for line, each in zip(lines, agreed, strict=True)
            if (line["price"], line["currency"]) != (each["price"], each["currency"])
        ]
        if changed:
            raise Conflict("The price has changed.", code="price_changed", variants=changed)
        kept = self.reservations.get(body["order"])
        if kept is None:
            short = [i for i in body["items"] if self.stock[i["variant"]] < i["quantity"]]
            state = "refused" if short else "reserved"
            kept = {"order": body["order"], "state": state, "items": body["items"]}
            self.reservations[body["order"]] = kept
            if not short:
                self._move(kept, -1)
        if kept["state"] == "refused":
            raise Conflict("Out of stock.", code="out_of_stock", variants=[])
        if kept["state"] in ("released", "restocked"):
            raise Conflict("It was released.", code="released")
        return kept

    def _move(self, reservation: dict[str, Any], sign: int) -> None:
        for item in reservation["items"]:
            self.stock[item["variant"]] += sign * item["quantity"]

    def _confirm(self, order: str) -> Any:
        kept = self.reservations.get(order)
        if kept is None:
            raise NotFound("Nothing is reserved.")
        if kept["state"] not in ("reserved", "confirmed"):
            raise Conflict("Nothing is held any more.", code=kept["state"])
        kept["state"] = "confirmed"
        return kept

    def _release(self, order: str) -> Any:
        kept = self.reservations.setdefault(
            order, {"order": order, "state": "released", "items": []}
        )
        if kept["state"] in ("confirmed", "restocked"):
            raise Conflict("It was confirmed.", code="already_confirmed")
        if kept["state"] == "reserved":
            kept["state"] = "released"
            self._move(kept, 1)
        return kept

    def _restock(self, order: str) -> Any:
        kept = self.reservations.get(order)
        if kept is None:
            raise NotFound("Nothing is reserved.")
        if kept["state"] not in ("confirmed", "restocked"):
            raise Conflict("It was not confirmed.", code="not_confirmed")
        if kept["state"] == "confirmed":
            kept["state"] = "restocked"
            self._move(kept, 1)
        return kept

    # ── payments ────────────────────────────────────────────────────────────────────────────

    def payments_app(self, settings: Settings) -> FastAPI:
        service, router = Service(settings), APIRouter()

        @router.post("/payments/{order}/authorize")
        async def authorize(order: str, request: Request) -> OrjsonResponse:
            body = await request.json()
            return await self.step("authorize", lambda: self._authorize(order, body))

        @router.post("/payments/{order}/{verb}")
        async def change(order: str, verb: str) -> OrjsonResponse:
            effect = {"capture": self._capture, "void": self._void, "refund": self._refund}
            return await self.step(verb, lambda: effect[verb](order))

        @router.get("/payments/{order}")
        async def get(order: str) -> OrjsonResponse:
            return OrjsonResponse(self.payments[order])

        return service.create_app(router, access=open_access(service, router))

    def _authorize(self, order: str, body: dict[str, Any]) -> Any:
        kept = self.payments.get(order)
        if kept is None:
            kept = _payment(order) | {key: body[key] for key in ("buyer", "seller", "amount")}
            kept["card"] = body["card"]
            kept["state"] = "declined" if body["card"] == "tok_declined" else "pending"
            kept["reason"] = "The card was declined." if kept["state"] == "declined" else ""
            self.payments[order] = kept
        if kept["state"] == "voided" and not kept["buyer"]:
            raise Conflict("It was voided.", code="voided")
        if kept["state"] == "pending":
            if kept["card"] == "tok_pending" and self.pending:
                self.pending -= 1
            else:
                kept["state"] = "authorized"
        return kept

    def _capture(self, order: str) -> Any:
        kept = self.payments.get(order)
        if kept is None:
            raise NotFound("Nothing is to be paid.")
        if kept["state"] == "voided":
            raise Conflict("It was voided.", code="voided")
        if kept["state"] == "pending":
            raise Conflict("It is not authorised.", code="not_authorized")
        if kept["state"] == "authorized":
            if kept["card"] == "tok_uncapturable":
                kept["reason"] = "The card has expired."
            else:
                kept |= {"state": "captured", "captured": kept["amount"]}
        return kept

    def _void(self, order: str) -> Any:
        kept = self.payments.setdefault(order, _payment(order))
        if kept["state"] in ("captured", "refunded"):
            raise Conflict("It was captured.", code="captured")
        if kept["state"] != "declined":
            kept["state"] = "voided"
        return kept

    def _refund(self, order: str) -> Any:
        kept = self.payments[order]
        if kept["state"] == "refunded":
            raise Conflict("No more than 0 can be given back.", code="too_much")
        if kept["state"] != "captured":
            raise Conflict("Nothing was captured.", code="not_captured")
        if kept["card"] == "tok_unrefundable":
            kept["reason"] = "The account is closed."
        else:
            kept |= {"state": "refunded", "refunded": kept["captured"]}
        return kept


def _item(agreed: dict[str, Any]) -> dict[str, Any]:
    return {"product": agreed["product"], "variant": agreed["variant"], "quantity": 1}


def _payment(order: str) -> dict[str, Any]:
    nothing = {"amount": 0, "captured": 0, "refunded": 0, "waiting": "", "reason": ""}
    return {"order": order, "buyer": "", "seller": "", "state": "voided", "card": "", **nothing}


SHOP, SELLER, BUYER = _ids.next(), _ids.next(), _ids.next()


async def eventually(look: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a condition holds. Fails after the deadline."""
    give_up_at = time.monotonic() + DEADLINE
    while not await look():
        assert time.monotonic() < give_up_at, f"not so within {DEADLINE} s"
        await asyncio.sleep(0.001)


# ── faults ──────────────────────────────────────────────────────────────────────────────────────


async def fails_before(_: Callable[[], Any]) -> Any:
    """Fail before the effect."""
    raise Unavailable("not now")


async def is_lost(_: Callable[[], Any]) -> Any:
    """Lose the request: no effect, no answer."""
    raise OutcomeUnknown("no answer")


async def times_out_after(effect: Callable[[], Any]) -> Any:
    """Lose the answer after the effect."""
    effect()
    raise OutcomeUnknown("no answer")


async def happens_twice(effect: Callable[[], Any]) -> Any:
    """Have the effect twice, as when a delayed request arrives."""
    first = effect()
    try:
        effect()
    except Conflict:
        return first
    return first


class OrdersHarness:
    """A running orders service with fakes, a buyer and a seller."""

    orders: RunningReplica
    workflows: Workflows

    def __init__(self, cluster: FakeCluster, others: FakeShopServices) -> None:
        self.cluster = cluster
        self.shop_services = others
        self.buyer = cluster.token(BUYER, "read:shop write:shop")
        self.seller = cluster.token(SELLER, "read:shop write:shop")
        self._buyers = [BUYER]
        self._keys = itertools.count()

    @classmethod
    async def start(cls, cluster: FakeCluster) -> OrdersHarness:
        others = FakeShopServices()
        await cluster.start(others.catalog_app, "catalog")
        await cluster.start(others.payments_app, "payments")
        harness = cls(cluster, others)
        await harness._start_orders()
        return harness

    async def _start_orders(self) -> None:
        def create(settings: Settings) -> FastAPI:
            service = Service(settings)
            self.workflows = Workflows(service)
            return create_app(service, self.workflows)

        self.orders = await self.cluster.start(create, "orders")

    def variant(self, stock: int = 10, price: int = PRICE) -> str:
        id = _ids.next()
        self.shop_services.prices[id], self.shop_services.stock[id] = price, stock
        return id

    async def request(self, method: str, path: str, token: str = "", **given: Any) -> Response:
        return await self.orders.call(method, path, token=token or self.buyer, **given)

    async def request_ok(self, method: str, path: str, token: str = "", **given: Any) -> Any:
        answer = await self.request(method, path, token, **given)
        assert answer.status == 200, answer.text
        return answer.json()

    def new_buyer(self) -> str:
        """The token of one more buyer, who may place an order while another one does."""
        self._buyers.append(_ids.next())
        return self.cluster.token(self._buyers[-1], "read:shop write:shop")

    async def fill_cart(
        self, variant: str = "", quantity: int = 2, token: str = ""
    ) -> dict[str, Any]:
        """Replace the buyer's cart by one item."""
        item = {"product": variant or (variant := self.variant()), "variant": variant}
        items = [item | {"quantity": quantity}]
        cart: dict[str, Any] = await self.request_ok("PUT", "/cart", token, json={"items": items})
        return cart

    def checkout(self, cart: dict[str, Any], card: str = "tok_ok", key: str = "") -> dict[str, Any]:
        return {
            "idempotency_key": key or f"key-{next(self._keys)}",
            "card": card,
            "expected_total": cart["total"],
            "currency": cart["currency"],
        }

    async def place(self, card: str = "tok_ok", variant: str = "", token: str = "") -> str:
        cart = await self.fill_cart(variant, token=token)
        return await self.request_until_answered(
            "POST", "/checkouts", token, json=self.checkout(cart, card)
        )

    async def request_until_answered(
        self, method: str, path: str, token: str = "", **given: Any
    ) -> str:
        """Request until there is an answer, also if the process dies. Returns the order's id."""
        while (found := await self.survive(self.request_ok(method, path, token, **given))) is None:
            pass
        id: str = found["id"]
        return id

    async def survive(self, doing: Coroutine[Any, Any, Any]) -> Any:
        """Return a result, or None if the process died meanwhile; it is restarted then."""
        dead = asyncio.ensure_future(self.orders.sidecar.faults.dead.wait())
        done = asyncio.ensure_future(doing)
        await asyncio.wait({done, dead}, return_when=asyncio.FIRST_COMPLETED)
        dead.cancel()
        if done.done():
            return done.result()
        done.cancel()
        await self.restart()
        return None

    async def order(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.request_ok("GET", f"/orders/{id}", self.seller)
        return found

    async def wait_until_final(self, id: str) -> dict[str, Any]:
        """Return the order when it is final, also after crashes."""

        order: dict[str, Any] = {}

        async def looks() -> bool:
            await self.check_open_orders()
            order.update(await self.order(id))
            return order["state"] in FINAL_STATES

        async def at_rest() -> bool:
            return bool(await self.survive(looks()))

        await eventually(at_rest)
        return order

    async def restart(self) -> None:
        await self.orders.kill()
        await self._start_orders()

    def watchdog(self) -> SagaWatchdog:
        """Return another watchdog of the running replica."""
        repository = Repository(self.orders.service)
        return SagaWatchdog(repository, self.workflows, CheckoutStarts(self.workflows), now=utc_now)

    async def check_open_orders(self) -> None:
        """Have the watchdog check all open orders, however lately they have changed."""
        await self.cluster.settle(1)
        with mock.patch("services.orders.application.saga_watchdog.IDLE_TIMEOUT", -1.0):
            await self.watchdog().check()

    async def crash(self, effect: Callable[[], Any]) -> Any:
        """A fault: the effect happens, and orders dies before it gets the answer."""
        effect()
        self.orders.sidecar.kill()
        self.orders.sidecar.state.faults.kill()
        self.orders.sidecar.broker.faults.kill()
        await asyncio.get_running_loop().create_future()

    async def check_consistency(self) -> None:
        """Check that money, stock and lists match the outcome of every order."""
        await self.check_open_orders()
        await self.cluster.settle()
        state = self.cluster.state("orders")
        ids = [key.removeprefix("order:") for key in state.keys("order:")]
        for id in ids:
            order = await self.order(id)
            assert order["state"] in FINAL_STATES, f"{id} is stuck: {order}"
            self._check_deeds(id, order)
        stock = {variant: self.shop_services.stock[variant] for variant in self.shop_services.stock}
        assert all(count >= 0 for count in stock.values())
        await self._check_shown(ids)

    def _check_deeds(self, id: str, order: dict[str, Any]) -> None:
        reserved = self.shop_services.reservations.get(id, {"state": "none"})["state"]
        paid = self.shop_services.payments.get(id, {"state": "none"})["state"]
        both = (reserved, paid)
        if order["state"] == "completed":
            assert both == ("confirmed", "captured" if order["total"] else "none")
        elif order["state"] == "refunded":
            assert both == ("restocked", "refunded" if order["total"] else "none")
        else:
            assert reserved in ("none", "released", "restocked", "refused"), both
            assert paid in ("none", "voided", "declined", "refunded"), both

    async def _check_shown(self, ids: list[str]) -> None:
        state = self.cluster.state("orders")
        rows = [await SegmentedLists(state, "buyer").all(buyer) for buyer in self._buyers]
        assert sorted(row[0] for bought in rows for row in bought) == sorted(ids)
        assert await SegmentedLists(state, "open").all("all") == []
        rebuilt = await self.orders.operate("POST", "/rebuilds")
        assert rebuilt.json() == {"orders": len(ids), "mended": 0}
