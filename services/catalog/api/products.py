"""The routes of products and quotes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from services.catalog.api.parameters import (
    OptionalReader,
    PageWindow,
    PathId,
    Writer,
    viewer_id,
    with_etag,
)
from services.catalog.application.product_lists import ProductLists
from services.catalog.application.products import ProductService
from services.catalog.application.queries import CatalogReader
from services.catalog.application.quotes import QuoteService
from services.chassis.errors import Invalid
from services.chassis.http.dependencies import IfMatchVersion
from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.storage.window import normalize_id
from services.contracts.catalog import (
    EditedProduct,
    NewProduct,
    Product,
    ProductList,
    ProductsRequest,
    ProductView,
    Quote,
    QuoteRequest,
)

MAX_IDS = 100
"""How many products one request may read."""

_PRODUCT = responses(ProductView, "The product.", 401, 403, 404, 422, 503)
_EDITED = responses(ProductView, "The edited product.", 401, 403, 404, 412, 422, 428)
_LIST = responses(ProductList, "A page of products.", 401, 403, 422)
_CARDS = responses(list[Product], "Those that are offered.", 401, 403, 422)
_QUOTE = responses(Quote, "The current prices.", 401, 403, 404, 422)


def create_router(
    queries: CatalogReader, lists: ProductLists, products: ProductService
) -> APIRouter:
    """Return the routes of products and quotes."""
    router, quotes = APIRouter(tags=["products"]), QuoteService(queries)

    @router.post("/products", responses=_PRODUCT)
    async def create_product(new: NewProduct, caller: Writer) -> OrjsonResponse:
        """Create a product. For an hour, the same idempotency key returns the same product."""
        return with_etag(await products.create(new, caller))

    @router.get("/products", responses=_LIST)
    async def list_products(
        window: PageWindow,
        caller: OptionalReader,
        shop: Annotated[str, Query(max_length=40)] = "",
        q: Annotated[str, Query(max_length=200)] = "",
        ids: Annotated[str | None, Query(max_length=2_200)] = None,
        archived: bool = False,
        stock: bool = True,
    ) -> OrjsonResponse:
        """List products, newest first: of a shop, with some words, or by id in the given order.

        `archived` lists the archived products of the caller's shop. `stock=false` omits the
        available pieces of products that are read by id, and saves reading them.
        """
        viewer = viewer_id(caller)
        if ids is not None:
            offers = await queries.products(_parse_ids(ids), viewer, stock=stock)
            views = [offer.view() for offer in offers.values()]
            return OrjsonResponse({"products": views, "last": ""})
        if q:
            return OrjsonResponse(await lists.search(q, shop, window, viewer))
        if shop:
            return OrjsonResponse(await lists.by_shop(shop, window, viewer, archived=archived))
        return OrjsonResponse(await lists.all(window, viewer))

    @router.get("/products/{id}", responses=_PRODUCT)
    async def get_product(id: PathId, caller: OptionalReader) -> OrjsonResponse:
        """Return a product."""
        return with_etag((await queries.product(id, viewer_id(caller))).view())

    @router.patch("/products/{id}", responses=_EDITED)
    async def edit_product(
        id: PathId, wanted: EditedProduct, caller: Writer, seen: IfMatchVersion
    ) -> OrjsonResponse:
        """Edit, archive or restore the caller's product. `If-Match` names the version read."""
        return with_etag(await products.edit(id, wanted, seen, caller))

    @router.post("/cards", responses=_CARDS)
    async def list_cards(asked: ProductsRequest, _: OptionalReader) -> OrjsonResponse:
        """Return some products as everybody sees them, without those that are not offered."""
        ids = list(dict.fromkeys(normalize_id(id) for id in asked.ids))
        offers = await queries.products(ids, "", stock=False)
        return OrjsonResponse([offer.view()["product"] for offer in offers.values()])

    @router.post("/quotes", responses=_QUOTE)
    async def quote(request: QuoteRequest, caller: OptionalReader) -> OrjsonResponse:
        """Return what some items cost now, and how many are available. Nothing is reserved."""
        return OrjsonResponse(await quotes.quote(request.items, request.buyer or viewer_id(caller)))

    return router


def _parse_ids(text: str) -> list[str]:
    ids = list(dict.fromkeys(normalize_id(id) for id in text.split(",") if id))
    if len(ids) > MAX_IDS:
        raise Invalid(f"At most {MAX_IDS} products can be read at once.")
    return ids
