"""The seller's pages of shops: a shop with its products, and its form."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from starlette.responses import RedirectResponse

from services.chassis.errors import Invalid, ServiceError
from services.chassis.security.caller import Caller
from services.clients.base import gather_all
from services.contracts.catalog import EditedShop, NewShop, ProductView
from services.gateway.container import Gateway
from services.gateway.http.params import RequestParams
from services.gateway.http.reading import read_params
from services.gateway.presentation.entities import shop as entities
from services.gateway.presentation.entities.posts import Entity
from services.gateway.web.faults import FormFault, form_fault
from services.gateway.web.form_keys import new_key
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.selling import CURRENCIES, SELLING, own_shop, version_condition
from services.gateway.web.shop import PAGE_SIZE, product_tile
from services.gateway.web.timelines import MaxId
from services.gateway.web.viewer import SignedIn


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """Pages and forms of the viewer's shops. Catalog checks that they are their own."""
    router = APIRouter(
        prefix=f"{SELLING}/shops",
        tags=["pages"],
        route_class=pages.route_class(),
        include_in_schema=False,
    )
    page = _SellerShopPages(gateway, pages)

    @router.get("/new")
    async def empty(viewer: SignedIn) -> Response:
        """The form of a new shop."""
        given = _typed(RequestParams(currency="EUR", key=new_key()))
        return page.form(viewer, given)

    @router.post("/new")
    async def create(request: Request, viewer: SignedIn) -> Response:
        """Open a shop. The key of the form makes one shop of two clicks."""
        return await page.create(viewer, await read_params(request))

    @router.get("/{id}")
    async def shop(viewer: SignedIn, id: str, max_id: MaxId = "") -> Response:
        """The viewer's shop with its products."""
        return await page.show(id, viewer, max_id)

    @router.get("/{id}/edit")
    async def edit_form(viewer: SignedIn, id: str) -> Response:
        """The form of a shop."""
        found = await own_shop(gateway, id, viewer, pages.texts)
        given = found.shop.model_dump() | {"version": found.version, "key": ""}
        return page.form(viewer, given, entities.shop(found, gateway.urls))

    @router.post("/{id}/edit")
    async def edit(request: Request, viewer: SignedIn, id: str) -> Response:
        """Change the texts of a shop, or close or reopen it."""
        return await page.edit(id, viewer, await read_params(request))

    return router


class _SellerShopPages:
    """The pages of a shop for its seller."""

    def __init__(self, gateway: Gateway, pages: PageRenderer) -> None:
        self._gateway = gateway
        self._catalog = gateway.services.catalog
        self._pages = pages

    async def show(self, id: str, viewer: Caller, max_id: str) -> Response:
        """A shop with its products; on the first page also those in the archive."""
        found = await own_shop(self._gateway, id, viewer, self._pages.texts)
        shelves = (False,) if max_id else (False, True)
        offered, *archived = await gather_all(
            *(
                self._catalog.products(
                    viewer, limit=PAGE_SIZE, max_id=max_id, shop=found.shop.id, archived=shelf
                )
                for shelf in shelves
            )
        )
        return self._pages.render(
            "selling_shop",
            viewer=viewer,
            shop=entities.shop(found, self._gateway.urls),
            products=[self._row(view) for view in offered.products],
            archived=[self._row(view) for page in archived for view in page.products],
            older=f"?max_id={offered.last}" if offered.last else "",
        )

    def form(
        self,
        viewer: Caller,
        given: Entity,
        shop: Entity | None = None,
        fault: FormFault | None = None,
    ) -> Response:
        """The form of a shop, or of a new one."""
        return self._pages.render(
            "shop_form",
            viewer=viewer,
            status=fault.status if fault else 200,
            shop=shop,
            given=given,
            currencies=CURRENCIES,
            message=fault.message if fault else "",
        )

    async def create(self, viewer: Caller, body: RequestParams) -> Response:
        """Open a shop and show it, or the form again with what is wrong."""
        try:
            made = await self._catalog.create_shop(self._new_shop(body), viewer)
        except ServiceError as failure:
            return self.form(viewer, _typed(body), fault=form_fault(failure))
        return RedirectResponse(f"{SELLING}/shops/{made.shop.id}", 303)

    async def edit(self, id: str, viewer: Caller, body: RequestParams) -> Response:
        """Change a shop.

        If it has changed since the form was shown, the form comes back with what was typed.
        """
        closed = body.boolean("archived")
        wanted = EditedShop(archived=closed) if closed is not None else _edited_texts(body)
        try:
            await self._catalog.edit_shop(id, wanted, viewer, version_condition(body))
        except ServiceError as failure:
            fault = form_fault(failure)
        else:
            return RedirectResponse(f"{SELLING}/shops/{id}", 303)
        if fault.status == 412:
            fault = fault._replace(message=self._pages.texts("selling.changed"))
        found = await own_shop(self._gateway, id, viewer, self._pages.texts)
        given = _typed(body) if closed is None else found.shop.model_dump()
        if fault.status == 412 or closed is not None:
            given["version"] = found.version
        given["key"] = ""
        return self.form(viewer, given, entities.shop(found, self._gateway.urls), fault)

    def _new_shop(self, body: RequestParams) -> NewShop:
        typed = _typed(body)
        del typed["version"]
        try:
            return NewShop.model_validate(typed | {"idempotency_key": typed.pop("key")[:200]})
        except ValidationError as error:
            raise Invalid(self._pages.texts("shop_form.invalid")) from error

    def _row(self, view: ProductView) -> Entity:
        """A product as its seller sees it: `left` are the pieces of all variants on sale."""
        left = sum((view.available or {}).values())
        return product_tile(self._gateway, view.product) | {"left": left}


def _typed(body: RequestParams) -> Entity:
    names = ("name", "description", "currency", "key")
    return {name: body.string(name) for name in names} | {"version": body.integer("version")}


def _edited_texts(body: RequestParams) -> EditedShop:
    return EditedShop.model_construct(
        name=body.string("name"), description=body.string("description"), archived=None
    )
