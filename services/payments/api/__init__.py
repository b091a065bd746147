"""The routes of payments."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Request

from services.chassis.errors import NotFound, TooLarge
from services.chassis.http.dependencies import window
from services.chassis.http.responses import OrjsonResponse
from services.chassis.ids import id_time, timestamp
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_service, require_user
from services.chassis.storage.window import Window, normalize_id
from services.clients.payments import SIGNATURE_HEADER
from services.contracts.catalog import Currency
from services.contracts.payments import (
    Balance,
    LedgerPage,
    NewPayment,
    NewRefund,
    Payment,
    Statement,
)
from services.payments.adapters.webhooks import WebhookReceiver
from services.payments.application.ledger_audit import LedgerAudit
from services.payments.application.payment_service import PaymentService
from services.payments.domain import payments as rules
from services.payments.domain.payments import PaymentTerms
from services.payments.examples import (
    BALANCE,
    NEW_PAYMENTS,
    NEW_REFUNDS,
    PAGE,
    PAYMENT,
    STATEMENT,
    answers,
)
from services.payments.repository import CURRENCIES, Repository

MAX_WEBHOOK_BYTES = 65_536
"""Of a webhook."""

MAX_ACCOUNT_NAMES = 100
"""Accounts that can be asked for at once."""

for_orders = Depends(require_service("orders"))
for_operators = Depends(require_service("payments"))
for_gateway = Depends(require_service("gateway"))
Reader = Annotated[Caller, Depends(require_user("read:shop"))]


def order_id(
    order: Annotated[str, Path(max_length=40, examples=["116548273934401537"])],
) -> str:
    """The id in a path. Raises `NotFound` for what cannot be one."""
    if not (order.isascii() and order.isdigit() and len(order) <= 18):
        raise NotFound("There is no such order.")
    return normalize_id(order)


OrderId = Annotated[str, Depends(order_id)]


def create_router(
    till: PaymentService, webhooks: WebhookReceiver, audit: LedgerAudit, store: Repository
) -> APIRouter:
    """All routes."""
    router = APIRouter()
    router.routes.extend(_steps(till).routes)
    router.routes.extend(_webhooks(webhooks).routes)
    router.routes.extend(_accounts(audit, store).routes)
    router.routes.extend(_ledger(audit).routes)
    return router


def _steps(till: PaymentService) -> APIRouter:
    """Every step may be asked for again: who does so gets the payment as it is then."""
    router = APIRouter(prefix="/payments", tags=["payments"], dependencies=[for_orders])
    payment = answers(Payment, "The payment as it is then.", PAYMENT, 403, 404, 409, 422)

    @router.post("/{order}/authorize", responses=payment)
    async def authorize(
        order: OrderId, new: Annotated[NewPayment, Body(openapi_examples=NEW_PAYMENTS)]
    ) -> OrjsonResponse:
        """Hold what an order costs. Whether the card is good is said by `state`."""
        terms = PaymentTerms(
            normalize_id(new.buyer), normalize_id(new.seller), new.amount, new.currency, new.card
        )
        return OrjsonResponse(rules.to_public(await till.authorize(order, terms)))

    @router.post("/{order}/capture", responses=payment)
    async def capture(order: OrderId) -> OrjsonResponse:
        """Take what is held, once."""
        return OrjsonResponse(rules.to_public(await till.capture(order)))

    @router.post("/{order}/void", responses=payment)
    async def void(order: OrderId) -> OrjsonResponse:
        """Let go of what is held. Of an order that is not known yet, nothing will ever be."""
        return OrjsonResponse(rules.to_public(await till.void(order)))

    @router.post("/{order}/refund", responses=payment)
    async def refund(
        order: OrderId, new: Annotated[NewRefund | None, Body(openapi_examples=NEW_REFUNDS)] = None
    ) -> OrjsonResponse:
        """Give back a part of what was captured, or all that is left of it."""
        asked = new or NewRefund()
        found = await till.refund(order, asked.key, asked.amount, asked.currency)
        return OrjsonResponse(rules.to_public(found))

    @router.get("/{order}", responses=payment)
    async def get(order: OrderId) -> OrjsonResponse:
        """What is known of an order."""
        return OrjsonResponse(rules.to_public(await till.get(order)))

    return router


def _webhooks(webhooks: WebhookReceiver) -> APIRouter:
    router = APIRouter(tags=["webhooks"], dependencies=[for_gateway])

    @router.post(
        "/webhooks/provider",
        responses=answers(dict[str, Any], "Taken, or known already.", {}, 403, 404, 409, 413, 422),
    )
    async def receive(
        request: Request,
        signature: Annotated[str, Header(alias=SIGNATURE_HEADER, max_length=200)] = "",
    ) -> OrjsonResponse:
        """What the provider tells: who sends it is said by the signature alone."""
        body = await request.body()
        if len(body) > MAX_WEBHOOK_BYTES:
            raise TooLarge("A webhook is smaller than this.")
        await webhooks.receive(body, signature)
        return OrjsonResponse({})

    return router


def _accounts(audit: LedgerAudit, store: Repository) -> APIRouter:
    router = APIRouter(tags=["accounts"])

    @router.get(
        "/balances",
        responses=answers(list[Balance], "Those that were ever used.", [BALANCE], 401, 403),
    )
    async def balances(caller: Reader) -> OrjsonResponse:
        """What the caller spent and earned, by currency."""
        return OrjsonResponse(await audit.user_balances(caller.user_id, CURRENCIES))

    @router.get(
        "/statements/{account}/{currency}",
        responses=answers(Statement, "A page, newest first.", STATEMENT, 401, 403, 422),
    )
    async def statement(
        account: Literal["buyer", "seller"],
        currency: Currency,
        caller: Reader,
        window: Annotated[Window, Depends(window())],
    ) -> OrjsonResponse:
        """What changed the balance of one of the caller's accounts. Two state calls at most."""
        head = await store.statements.head(f"{account}:{caller.user_id}:{currency}")
        rows = await store.statements.read(head, window)
        lines = [
            {
                "id": id,
                "order": order,
                "step": step,
                "amount": amount,
                "created_at": timestamp(id_time(id)),
            }
            for id, order, step, amount in rows
        ]
        return OrjsonResponse({"balance": head.summed, "lines": lines})

    return router


def _ledger(audit: LedgerAudit) -> APIRouter:
    """For `./tye-like-run.sh ledger`, through the service's own sidecar."""
    router = APIRouter(prefix="/ledger", tags=["ledger"], dependencies=[for_operators])

    @router.get("", responses=answers(LedgerPage, "A part, added up.", PAGE, 403, 422))
    async def page(after: Annotated[str, Query(max_length=40)] = "") -> OrjsonResponse:
        """A part of the ledger, added up."""
        return OrjsonResponse(await audit.page(after))

    @router.get(
        "/balances",
        responses=answers(dict[str, int], "By name.", {"holds/3:EUR": 0}, 403, 422),
    )
    async def balances(
        names: Annotated[str, Query(max_length=4_000, examples=["holds/3:EUR"])],
    ) -> OrjsonResponse:
        """What accounts hold as they are kept, of those that are there."""
        return OrjsonResponse(await audit.balances(names.split(",")[:MAX_ACCOUNT_NAMES]))

    return router
