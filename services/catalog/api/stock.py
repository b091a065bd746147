"""The routes of stock, for sellers."""

from __future__ import annotations

from fastapi import APIRouter

from services.catalog.api.parameters import PathId, Reader, Writer
from services.catalog.application.stock import StockService
from services.chassis.http.dependencies import IfMatchVersion
from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.contracts.catalog import Stock, StockChange

_STOCKS = responses(list[Stock], "The stock of each variant.", 401, 403, 404)
_STOCK = responses(Stock, "The changed stock.", 401, 403, 404, 409, 412, 422, 428)


def create_router(stock: StockService) -> APIRouter:
    """Return the routes of stock."""
    router = APIRouter(tags=["stock"])

    @router.get("/products/{id}/stock", responses=_STOCKS)
    async def list_stock(id: PathId, caller: Reader) -> OrjsonResponse:
        """List the stock of the caller's product."""
        return OrjsonResponse(await stock.list_stock(id, caller))

    @router.post("/products/{id}/variants/{variant}/stock", responses=_STOCK)
    async def adjust_stock(
        id: PathId, variant: PathId, change: StockChange, caller: Writer, seen: IfMatchVersion
    ) -> OrjsonResponse:
        """Set how many pieces of a variant there are, or add a difference."""
        return OrjsonResponse(await stock.adjust(id, variant, change, caller, seen))

    return router
