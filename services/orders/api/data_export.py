"""The cart and the orders of a user, for their data export."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter

from services.chassis.data_export import (
    RowMapper,
    create_export_router,
    list_reader,
    single_page,
)
from services.chassis.storage.window import Row
from services.orders.application.carts import CartService
from services.orders.repository import Repository


def create_router(repository: Repository, carts: CartService) -> APIRouter:
    """Return the export routes: carts and orders, as their user may read them anyway."""

    async def cart(user: str, _: str) -> dict[str, Any]:
        shown = await carts.show(user)
        is_empty = not (shown["lines"] or shown["gone"])
        return single_page([] if is_empty else [{"account": shown["seller"], **shown}])

    def orders_with(other: Literal["buyer", "seller"]) -> RowMapper:
        async def describe(rows: list[Row]) -> list[dict[str, Any] | None]:
            orders = await repository.views_of([row[0] for row in rows])
            return [_with_account(orders.get(row[0]), other) for row in rows]

        return describe

    return create_export_router(
        {
            "cart": cart,
            "bought": list_reader(repository.by_buyer, orders_with("seller")),
            "sold": list_reader(repository.by_seller, orders_with("buyer")),
        }
    )


def _with_account(order: dict[str, Any] | None, other: str) -> dict[str, Any] | None:
    return {"account": order[other], **order} if order else None
