"""The statements of a user, for their data export. Cards are not exported."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter

from services.chassis.data_export import ExportReader, create_export_router, merged_reader
from services.chassis.ids import id_time, timestamp
from services.chassis.storage.window import Row
from services.payments.domain.payments import PaymentRecord
from services.payments.repository import CURRENCIES, Repository, account_lists

Role = Literal["buyer", "seller"]


def create_router(repository: Repository) -> APIRouter:
    """Return the export routes."""
    return create_export_router(
        {
            "paid": _statement_reader(repository, "buyer", "seller"),
            "earned": _statement_reader(repository, "seller", "buyer"),
        }
    )


def _statement_reader(repository: Repository, role: Role, other: Role) -> ExportReader:
    async def names(user: str) -> list[str]:
        return [name for one in CURRENCIES for name in account_lists(f"{role}:{user}", one)]

    async def describe(rows: list[Row]) -> list[dict[str, Any] | None]:
        payments = await repository.payments.get_many({row[1] for row in rows})
        return [_statement_line(row, payments.get(row[1]), other) for row in rows]

    return merged_reader(repository.statements, names, describe)


def _statement_line(row: Row, payment: PaymentRecord | None, other: Role) -> dict[str, Any]:
    """Return a line of a statement, with the other party of the order."""
    id, order, step, amount, name = row
    terms = payment.terms if payment else None
    return {
        "id": id,
        "account": getattr(terms, other) if terms else None,
        "order": order,
        "step": step,
        "amount": amount,
        "currency": name.rpartition(":")[2],
        "created_at": timestamp(id_time(id)),
    }
