"""What orders keeps of somebody, for the archive that they may ask for."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter

from services.chassis.data_export import RowMapper, create_export_router, list_reader, single_page
from services.chassis.storage.window import Row
from services.orders.application.carts import CartService
from services.orders.repository import OrderReadModel, Repository


def create_router(store: Repository, carts: CartService) -> APIRouter:
    """Their cart, what they bought and what they sold: both as they may see it anyway."""

    async def cart(user: str, _: str) -> dict[str, Any]:
        shown = await carts.show(user)
        is_empty = not (shown["lines"] or shown["gone"])
        return single_page([] if is_empty else [{"account": shown["seller"], **shown}])

    def dealt(other: Literal["buyer", "seller"]) -> RowMapper:
        async def describe(rows: list[Row]) -> list[dict[str, Any] | None]:
            pages = await store.read_models_of([row[0] for row in rows])
            return [_with_account(pages.get(row[0]), other) for row in rows]

        return describe

    return create_export_router(
        {
            "cart": cart,
            "bought": list_reader(store.by_buyer, dealt("seller")),
            "sold": list_reader(store.by_seller, dealt("buyer")),
        }
    )


def _with_account(page: OrderReadModel | None, other: str) -> dict[str, Any] | None:
    """An order, and with whom it was."""
    return {"account": page.order[other], **page.order} if page else None
