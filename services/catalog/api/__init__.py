"""The routes of catalog."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query

from services.catalog.application.inventory import Inventory
from services.catalog.application.products import ProductService
from services.catalog.application.queries import CatalogQueries, shop_view
from services.catalog.domain import reservations
from services.catalog.domain.reservations import ReservationRecord as Kept
from services.catalog.examples import (
    CARD,
    CARDS,
    COUNTS,
    EDITED_PRODUCTS,
    EDITED_SHOPS,
    NEW_PRODUCTS,
    NEW_RESERVATIONS,
    NEW_SHOPS,
    PRODUCT,
    PRODUCTS,
    QUOTE,
    QUOTES,
    RESERVATION,
    SHOP,
    SHOPS,
    STOCK,
    answers,
)
from services.chassis.errors import Invalid
from services.chassis.http.dependencies import IfMatchVersion
from services.chassis.http.responses import OrjsonResponse
from services.chassis.ids import timestamp
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user, require_service, require_user
from services.chassis.storage.window import Window, normalize_id
from services.contracts.catalog import (
    CardsAsked,
    EditedProduct,
    EditedShop,
    NewProduct,
    NewReservation,
    NewShop,
    Product,
    ProductList,
    ProductView,
    Quote,
    QuoteRequest,
    Reservation,
    ShopList,
    ShopView,
    Stock,
    StockChange,
)

MAX_IDS = 100
"""How many products can be asked for at once."""

PathId = Annotated[str, Path(max_length=40, examples=["116548273934401537"])]
OrderId = Annotated[str, Path(max_length=20, pattern=r"^\d+$", examples=["116548290000001537"])]
MaybeReader = Annotated[Caller | None, Depends(optional_user("read:shop"))]
Reader = Annotated[Caller, Depends(require_user("read:shop"))]
Writer = Annotated[Caller, Depends(require_user("write:shop"))]
SearchText = Annotated[str, Query(max_length=200)]


def window(limit: Annotated[int, Query(ge=1, le=80)] = 20, max_id: str | None = None) -> Window:
    """The window that the query parameters ask for."""
    return Window.of(limit, max_id, None, None)


PageWindow = Annotated[Window, Depends(window)]

A_SHOP = answers(ShopView, "The shop as it is then.", SHOP, 401, 403, 404, 422, 503)
AN_EDITED_SHOP = answers(ShopView, "The shop as it is then.", SHOP, 401, 403, 404, 412, 422, 428)
A_PRODUCT = answers(ProductView, "The product.", PRODUCT, 401, 403, 404, 422, 503)
AN_EDITED_PRODUCT = answers(
    ProductView, "The product as it is then.", PRODUCT, 401, 403, 404, 412, 422, 428
)
A_STOCK = answers(Stock, "The stock as it is then.", STOCK, 401, 403, 404, 409, 412, 422, 428)
RESERVED = answers(Reservation, "What is held, or was sold.", RESERVATION, 403, 404, 409, 422, 503)


def create_router(views: CatalogQueries, keeper: ProductService, warehouse: Inventory) -> APIRouter:
    """All routes."""
    router = APIRouter()
    router.routes.extend(_shops(views, keeper).routes)
    router.routes.extend(_products(views, keeper).routes)
    router.routes.extend(_stock(keeper).routes)
    router.routes.extend(_reservations(views, warehouse).routes)
    return router


def _shops(views: CatalogQueries, keeper: ProductService) -> APIRouter:
    router = APIRouter(tags=["shops"])

    @router.post("/shops", responses=A_SHOP)
    async def create(
        new: Annotated[NewShop, Body(openapi_examples=NEW_SHOPS)], caller: Writer
    ) -> OrjsonResponse:
        """Open a shop. The same idempotency key gives the same shop for an hour."""
        return _with_etag(await keeper.create_shop(new, caller))

    @router.get("/shops", responses=answers(ShopList, "A page.", SHOPS, 401, 403, 422))
    async def some(
        window: PageWindow, caller: MaybeReader, owner: Annotated[str, Query(max_length=40)] = ""
    ) -> OrjsonResponse:
        """Somebody's shops, or everybody's, newest first."""
        return OrjsonResponse(await views.shops(owner, window, _user_id(caller)))

    @router.get("/shops/{id}", responses=A_SHOP)
    async def one(id: PathId, caller: MaybeReader) -> OrjsonResponse:
        """One shop."""
        return _with_etag(shop_view(await views.shop(id, _user_id(caller))))

    @router.patch("/shops/{id}", responses=AN_EDITED_SHOP)
    async def edit(
        id: PathId,
        wanted: Annotated[EditedShop, Body(openapi_examples=EDITED_SHOPS)],
        caller: Writer,
        seen: IfMatchVersion,
    ) -> OrjsonResponse:
        """Edit one's own shop, close it or open it again; `If-Match` says what one has read."""
        return _with_etag(await keeper.edit_shop(id, wanted, seen, caller))

    return router


def _products(views: CatalogQueries, keeper: ProductService) -> APIRouter:
    router = APIRouter(tags=["products"])

    @router.post("/products", responses=A_PRODUCT)
    async def create(
        new: Annotated[NewProduct, Body(openapi_examples=NEW_PRODUCTS)], caller: Writer
    ) -> OrjsonResponse:
        """Sell something. The same idempotency key gives the same product for an hour."""
        return _with_etag(await keeper.create_product(new, caller))

    @router.get("/products", responses=answers(ProductList, "A page.", PRODUCTS, 401, 403, 422))
    async def some(
        window: PageWindow,
        caller: MaybeReader,
        shop: Annotated[str, Query(max_length=40)] = "",
        q: SearchText = "",
        ids: Annotated[str | None, Query(max_length=2_200)] = None,
        archived: bool = False,
        stock: bool = True,
    ) -> OrjsonResponse:
        """What is sold, newest first: in a shop, with some words, or by id, in that order.

        `archived` shows what the owner of a shop has archived; `stock=false` saves a look at it.
        """
        viewer = _user_id(caller)
        if ids is not None:
            offers = await views.products(_parse_ids(ids), viewer, stock=stock)
            return OrjsonResponse(
                {"products": [offer.view() for offer in offers.values()], "last": ""}
            )
        if q:
            return OrjsonResponse(await views.search(q, shop, window, viewer))
        if shop:
            return OrjsonResponse(
                await views.shop_products(shop, window, viewer, archived=archived)
            )
        return OrjsonResponse(await views.all_products(window, viewer))

    @router.get("/products/{id}", responses=A_PRODUCT)
    async def one(id: PathId, caller: MaybeReader) -> OrjsonResponse:
        """One product."""
        return _with_etag((await views.product(id, _user_id(caller))).view())

    @router.patch("/products/{id}", responses=AN_EDITED_PRODUCT)
    async def edit(
        id: PathId,
        wanted: Annotated[EditedProduct, Body(openapi_examples=EDITED_PRODUCTS)],
        caller: Writer,
        seen: IfMatchVersion,
    ) -> OrjsonResponse:
        """Edit, archive or bring back one's own product; `If-Match` says what one has read."""
        return _with_etag(await keeper.edit_product(id, wanted, seen, caller))

    @router.post(
        "/cards", responses=answers(list[Product], "Those on sale.", [CARD], 401, 403, 422)
    )
    async def cards(
        asked: Annotated[CardsAsked, Body(openapi_examples=CARDS)], _: MaybeReader
    ) -> OrjsonResponse:
        """Some products as everybody sees them, without those that nobody can buy any more."""
        ids = list(dict.fromkeys(normalize_id(id) for id in asked.ids))
        offers = await views.products(ids, "", stock=False)
        return OrjsonResponse([offer.view()["product"] for offer in offers.values()])

    @router.post(
        "/quotes", responses=answers(Quote, "What it costs now.", QUOTE, 401, 403, 404, 422)
    )
    async def quote(
        request: Annotated[QuoteRequest, Body(openapi_examples=QUOTES)], caller: MaybeReader
    ) -> OrjsonResponse:
        """What some pieces cost now, and how many are left; nothing is held by it."""
        items = [(item.product, item.variant, item.quantity) for item in request.items]
        return OrjsonResponse(await views.quote(items, _user_id(caller)))

    return router


def _stock(keeper: ProductService) -> APIRouter:
    router = APIRouter(tags=["stock"])

    @router.get(
        "/products/{id}/stock",
        responses=answers(list[Stock], "Of each variant.", [STOCK], 401, 403, 404),
    )
    async def stocks(id: PathId, caller: Reader) -> OrjsonResponse:
        """How much there is of one's own product."""
        return OrjsonResponse(await keeper.product_stock(id, caller))

    @router.post("/products/{id}/variants/{variant}/stock", responses=A_STOCK)
    async def count(
        id: PathId,
        variant: PathId,
        change: Annotated[StockChange, Body(openapi_examples=COUNTS)],
        caller: Writer,
        seen: IfMatchVersion,
    ) -> OrjsonResponse:
        """Say how many pieces there are of a variant, or how many more or fewer."""
        return OrjsonResponse(await keeper.adjust_stock(id, variant, change, caller, seen))

    return router


def _reservations(views: CatalogQueries, warehouse: Inventory) -> APIRouter:
    router = APIRouter(tags=["reservations"], dependencies=[Depends(require_service("orders"))])

    @router.post("/reservations", responses=RESERVED)
    async def reserve(
        new: Annotated[NewReservation, Body(openapi_examples=NEW_RESERVATIONS)],
    ) -> OrjsonResponse:
        """Hold pieces for an order: all of them, or nothing. Again for the same order is fine.

        Nothing where a price that was agreed on is another by now, also for who asks again.
        """
        if new.agreed:
            await views.check_prices(
                [(a.product, a.variant, a.price, a.currency) for a in new.agreed]
            )
        items = reservations.merge_items(
            (normalize_id(one.variant), one.quantity) for one in new.items
        )
        return OrjsonResponse(
            _reservation_view(await warehouse.reserve(new.order, items, new.seconds))
        )

    @router.get("/reservations/{order}", responses=RESERVED)
    async def one(order: OrderId) -> OrjsonResponse:
        """What is held for an order."""
        return OrjsonResponse(_reservation_view(await warehouse.reservation(order)))

    @router.post("/reservations/{order}/confirm", responses=RESERVED)
    async def confirm(order: OrderId) -> OrjsonResponse:
        """Sell what is held for an order. Again is fine."""
        return OrjsonResponse(_reservation_view(await warehouse.confirm(order)))

    @router.post("/reservations/{order}/release", responses=RESERVED)
    async def release(order: OrderId) -> OrjsonResponse:
        """Hold nothing for an order any more, nor ever if nothing was. Again is fine."""
        return OrjsonResponse(_reservation_view(await warehouse.release(order)))

    @router.post("/reservations/{order}/restock", responses=RESERVED)
    async def restock(order: OrderId) -> OrjsonResponse:
        """Put back what was sold to an order, once. Again is fine."""
        return OrjsonResponse(_reservation_view(await warehouse.restock(order)))

    return router


def _user_id(caller: Caller | None) -> str:
    return caller.user_id if caller else ""


def _parse_ids(text: str) -> list[str]:
    ids = list(dict.fromkeys(normalize_id(id) for id in text.split(",") if id))
    if len(ids) > MAX_IDS:
        raise Invalid(f"At most {MAX_IDS} products can be asked for at once.")
    return ids


def _with_etag(view: dict[str, Any]) -> OrjsonResponse:
    return OrjsonResponse(view, headers={"etag": f'"{view["version"]}"'})


def _reservation_view(kept: Kept) -> dict[str, Any]:
    """The contracts' `Reservation`."""
    return {
        "order": kept.order,
        "state": kept.state,
        "items": [{"variant": variant, "quantity": number} for variant, number in kept.items],
        "expires_at": timestamp(datetime.fromtimestamp(kept.expires, UTC)) if kept.items else None,
        "missing": list(kept.missing),
    }
