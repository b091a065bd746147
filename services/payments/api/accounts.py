"""The routes of accounts, for their owners, and of the ledger, for operators."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from services.chassis.http.dependencies import window
from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.ids import id_time, timestamp
from services.chassis.storage.window import Window
from services.contracts.catalog import Currency
from services.contracts.payments import Balance, LedgerPage, Statement
from services.payments.api.parameters import Reader
from services.payments.application.ledger_audit import LedgerAudit
from services.payments.repository import CURRENCIES, Repository

MAX_ACCOUNT_NAMES = 100
"""How many accounts one request may read."""

_BALANCES = responses(list[Balance], "The accounts that were ever used.", 401, 403)
_STATEMENT = responses(Statement, "A page, newest first.", 401, 403, 422)
_LEDGER = responses(LedgerPage, "A page of the ledger, added up.", 403, 422)
_ACCOUNTS = responses(dict[str, int], "The balances by account.", 403, 422)


def create_router(audit: LedgerAudit, repository: Repository) -> APIRouter:
    """Return the routes of accounts."""
    router = APIRouter(tags=["accounts"])

    @router.get("/balances", responses=_BALANCES)
    async def list_balances(caller: Reader) -> OrjsonResponse:
        """Return what the caller spent and earned, by currency."""
        return OrjsonResponse(await audit.user_balances(caller.user_id, CURRENCIES))

    @router.get("/statements/{account}/{currency}", responses=_STATEMENT)
    async def get_statement(
        account: Literal["buyer", "seller"],
        currency: Currency,
        caller: Reader,
        page: Annotated[Window, Depends(window())],
    ) -> OrjsonResponse:
        """Return the changes of one of the caller's accounts. Two state calls at most."""
        head = await repository.statements.head(f"{account}:{caller.user_id}:{currency}")
        rows = await repository.statements.read(head, page)
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


def create_ledger_router(audit: LedgerAudit) -> APIRouter:
    """Return the routes for the operator: `./tye-like-run.sh ledger`."""
    router = APIRouter(prefix="/ledger", tags=["ledger"])

    @router.get("", responses=_LEDGER)
    async def get_ledger_page(
        after: Annotated[str, Query(max_length=40)] = "",
    ) -> OrjsonResponse:
        """Return a page of the ledger, added up."""
        return OrjsonResponse(await audit.page(after))

    @router.get("/balances", responses=_ACCOUNTS)
    async def list_account_balances(
        names: Annotated[str, Query(max_length=4_000, examples=["holds/3:EUR"])],
    ) -> OrjsonResponse:
        """Return the stored balances of accounts, without those that do not exist."""
        return OrjsonResponse(await audit.balances(names.split(",")[:MAX_ACCOUNT_NAMES]))

    return router
