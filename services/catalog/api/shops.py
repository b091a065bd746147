"""The routes of shops."""

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
from services.catalog.application.queries import CatalogReader
from services.catalog.application.shops import ShopService
from services.catalog.application.views import shop_view
from services.chassis.http.dependencies import IfMatchVersion
from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.contracts.catalog import EditedShop, NewShop, ShopList, ShopView

_SHOP = responses(ShopView, "The shop.", 401, 403, 404, 422, 503)
_EDITED = responses(ShopView, "The edited shop.", 401, 403, 404, 412, 422, 428)
_LIST = responses(ShopList, "A page of shops.", 401, 403, 422)


def create_router(queries: CatalogReader, shops: ShopService) -> APIRouter:
    """Return the routes of shops."""
    router = APIRouter(tags=["shops"])

    @router.post("/shops", responses=_SHOP)
    async def create_shop(new: NewShop, caller: Writer) -> OrjsonResponse:
        """Create a shop. For an hour, the same idempotency key returns the same shop."""
        return with_etag(await shops.create(new, caller))

    @router.get("/shops", responses=_LIST)
    async def list_shops(
        window: PageWindow,
        caller: OptionalReader,
        owner: Annotated[str, Query(max_length=40)] = "",
    ) -> OrjsonResponse:
        """List the shops of an owner, or all open shops, newest first."""
        return OrjsonResponse(await queries.shops(owner, window, viewer_id(caller)))

    @router.get("/shops/{id}", responses=_SHOP)
    async def get_shop(id: PathId, caller: OptionalReader) -> OrjsonResponse:
        """Return a shop."""
        return with_etag(shop_view(await queries.shop(id, viewer_id(caller))))

    @router.patch("/shops/{id}", responses=_EDITED)
    async def edit_shop(
        id: PathId, wanted: EditedShop, caller: Writer, seen: IfMatchVersion
    ) -> OrjsonResponse:
        """Edit, close or reopen the caller's shop. `If-Match` names the version that was read."""
        return with_etag(await shops.edit(id, wanted, seen, caller))

    return router
