"""Quotes of catalog by gRPC, for services that have it on."""

from __future__ import annotations

from typing import Any

from services.chassis.rpc.client import GrpcClient
from services.clients.base import decode
from services.contracts.catalog import Quote, QuoteRequest
from services.contracts.protobuf import catalog_pb2 as messages

_QUOTE = "/microgram.catalog.v1.Catalog/Quote"
_LINE = (
    *("product", "variant", "title", "name", "quantity", "price", "currency", "available"),
    *("shop", "seller"),
)
_PICTURE = ("id", "owner", "mime", "original", "small", "blurhash", "description", "medium")
_SIZES = ("original_size", "small_size", "medium_size")


class CatalogRpcClient:
    """The methods of catalog by gRPC."""

    def __init__(self, client: GrpcClient, timeout: float) -> None:
        self._client = client
        self._timeout = timeout

    async def quote(self, wanted: QuoteRequest) -> Quote:
        """What some pieces cost now. Raises `NotFound` (`not_sold`)."""
        request = messages.QuoteRequest(
            items=[
                messages.QuoteItem(
                    product=item.product, variant=item.variant, quantity=item.quantity
                )
                for item in wanted.items
            ],
            buyer=wanted.buyer,
        )
        answer = await self._client.call(
            "catalog", _QUOTE, request, messages.QuoteResponse, deadline=self._timeout
        )
        return decode(Quote, {"lines": [_line(line) for line in answer.lines]})


def _line(line: messages.QuoteLine) -> dict[str, Any]:
    picture = _picture(line.picture) if line.HasField("picture") else None
    return {**{name: getattr(line, name) for name in _LINE}, "picture": picture}


def _picture(picture: messages.Attachment) -> dict[str, Any]:
    sizes = {name: getattr(picture, name) for name in _SIZES if picture.HasField(name)}
    return {
        **{name: getattr(picture, name) for name in _PICTURE},
        **{name: {"width": size.width, "height": size.height} for name, size in sizes.items()},
        "focus": tuple(picture.focus),
    }
