"""The methods of gRPC (proto/microgram/catalog/v1/catalog.proto): the use cases of the routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import fields, is_dataclass
from typing import Any

from services.catalog.api.parameters import viewer_id
from services.catalog.application.queries import CatalogReader
from services.catalog.application.quotes import QuoteService
from services.catalog.application.stock_watch import StockWatch
from services.chassis.rpc.method import RpcCall, RpcMethod, StreamMethod, UnaryMethod
from services.contracts.catalog import QuoteRequest
from services.contracts.protobuf import catalog_pb2 as messages

_SERVICE = "/microgram.catalog.v1.Catalog"
_SCOPE = "read:shop"


def create_methods(queries: CatalogReader) -> tuple[RpcMethod, ...]:
    """Return the methods of products, quotes and stock."""
    quotes, watch = QuoteService(queries), StockWatch(queries)

    async def viewer_of(call: RpcCall) -> str:
        return viewer_id(await call.optional_user(_SCOPE))

    async def get_product(
        request: messages.GetProductRequest, call: RpcCall
    ) -> messages.ProductView:
        offer = await queries.product(request.id, await viewer_of(call))
        return messages.ProductView(**_plain(offer.view()))

    async def quote(request: messages.QuoteRequest, call: RpcCall) -> messages.QuoteResponse:
        viewer = await viewer_of(call)
        wanted = _quote_request(request)
        found = await quotes.quote(wanted.items, wanted.buyer or viewer)
        return messages.QuoteResponse(**_plain(found))

    async def watch_stock(
        request: messages.WatchStockRequest, call: RpcCall
    ) -> AsyncIterator[messages.StockLevels]:
        async for available in watch.levels(request.product, lambda: viewer_of(call)):
            yield messages.StockLevels(available=available)

    return (
        UnaryMethod(f"{_SERVICE}/GetProduct", messages.GetProductRequest, get_product),
        UnaryMethod(f"{_SERVICE}/Quote", messages.QuoteRequest, quote),
        StreamMethod(f"{_SERVICE}/WatchStock", messages.WatchStockRequest, watch_stock),
    )


def _plain(value: Any) -> Any:
    """Return what a message is made of: dicts and lists in the place of dataclasses and tuples."""
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _quote_request(request: messages.QuoteRequest) -> QuoteRequest:
    """Return what is asked. Raises `pydantic.ValidationError`, as the route does."""
    items = [
        {"product": item.product, "variant": item.variant, "quantity": item.quantity}
        for item in request.items
    ]
    buyer = request.buyer if request.HasField("buyer") else None
    return QuoteRequest.model_validate({"items": items, "buyer": buyer})
