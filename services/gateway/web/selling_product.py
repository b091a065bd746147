"""The seller's page of a product: texts, variants, pictures, stock, archive."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.chassis.errors import Forbidden, Invalid, ServiceError
from services.chassis.security.caller import Caller
from services.clients.base import gather_all
from services.contracts.catalog import EditedProduct, Product, ProductView, StockChange
from services.contracts.limits import MAX_PICTURES
from services.contracts.posts import Attachment
from services.gateway.container import Gateway
from services.gateway.http.params import RequestParams
from services.gateway.http.reading import params_with_files, read_params
from services.gateway.presentation.entities import posts
from services.gateway.presentation.entities import shop as entities
from services.gateway.web.faults import FormFault, form_fault
from services.gateway.web.product_form import PictureRow, ProductForm, parse_stock
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.selling import SELLING, version_condition
from services.gateway.web.viewer import SignedIn


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The page and its forms. Catalog checks that the product is the viewer's own."""
    router = APIRouter(
        prefix=SELLING, tags=["pages"], route_class=pages.route_class(), include_in_schema=False
    )
    page = _SellerProductPage(gateway, pages)

    @router.get("/products/{id}")
    async def show(viewer: SignedIn, id: str) -> Response:
        """A product of the viewer with all its forms."""
        return await page.show(id, viewer)

    @router.post("/products/{id}")
    async def edit(request: Request, viewer: SignedIn, id: str) -> Response:
        """Change texts, variants and pictures."""
        return await page.edit(id, viewer, await read_params(request))

    @router.post("/products/{id}/archive")
    async def archive(request: Request, viewer: SignedIn, id: str) -> Response:
        """Take a product off the shelf, or put it back."""
        return await page.archive(id, viewer, await read_params(request))

    @router.post("/products/{id}/stock")
    async def set_stock(request: Request, viewer: SignedIn, id: str) -> Response:
        """Set how many pieces of a variant there are."""
        return await page.set_stock(id, viewer, await read_params(request))

    @router.post("/pictures")
    async def add_picture(request: Request, viewer: SignedIn) -> Response:
        """Add a picture to a product."""
        async with params_with_files(request, files=1, truncate=True) as body:
            return await page.add_picture(body.string("product"), viewer, body)

    return router


class _SellerProductPage:
    """The page of a product for its seller."""

    def __init__(self, gateway: Gateway, pages: PageRenderer) -> None:
        self._gateway = gateway
        self._catalog = gateway.services.catalog
        self._pages = pages
        self._texts = pages.texts

    async def show(
        self,
        id: str,
        viewer: Caller,
        *,
        part: str = "",
        fault: FormFault | None = None,
        form: ProductForm | None = None,
        version: int | None = None,
        typed: RequestParams | None = None,
    ) -> Response:
        """The page, with a fault at one of its parts and what was typed there. Three calls."""
        found = await self._own(id, viewer)
        product = found.product
        stock, shop = await gather_all(
            self._catalog.stock(id, viewer), self._catalog.shop(product.shop, viewer)
        )
        at = self._gateway.urls
        return self._pages.render(
            "selling_product",
            viewer=viewer,
            status=fault.status if fault else 200,
            product=entities.product(found, at),
            version=version or found.version,
            shop=entities.shop(shop, at),
            form=form or ProductForm.of(product),
            thumbnails={one.id: posts.attachment(one, at) for one in product.pictures},
            can_add=len(product.pictures) < MAX_PICTURES,
            stock={row.variant: entities.stock(row) for row in stock},
            faults={part: fault.message} if fault else {},
            typed=typed or {},
        )

    async def edit(self, id: str, viewer: Caller, body: RequestParams) -> Response:
        """Change the product.

        If it has changed since the form was shown, the form comes back with what was typed, and
        can be sent again. After any other fault it still says on which version it was filled in.
        """
        product = (await self._own(id, viewer)).product
        form, version = ProductForm.read(body), body.integer("version")
        if "more" in body:
            return await self.show(id, viewer, form=form, version=version)
        if not form.check(product.currency, self._texts).is_valid:
            fault = FormFault(self._texts("form.wrong"), 422, "invalid")
            return await self.show(id, viewer, part="form", fault=fault, form=form, version=version)
        try:
            pictures = await self._edited_pictures(form.pictures, product, viewer)
            wanted = form.edited(product.currency, pictures)
            await self._catalog.edit_product(id, wanted, viewer, version_condition(body))
        except ServiceError as failure:
            fault = self._fault(failure)
            seen = None if fault.status == 412 else version
            return await self.show(id, viewer, part="form", fault=fault, form=form, version=seen)
        return _back_to(id)

    async def archive(self, id: str, viewer: Caller, body: RequestParams) -> Response:
        """Archive or restore the product."""
        wanted = EditedProduct(archived=bool(body.boolean("archived")))
        try:
            await self._catalog.edit_product(id, wanted, viewer, version_condition(body))
        except ServiceError as failure:
            return await self.show(id, viewer, part="archive", fault=self._fault(failure))
        return _back_to(id)

    async def set_stock(self, id: str, viewer: Caller, body: RequestParams) -> Response:
        """Set the stock of a variant.

        If it has changed since the form was shown, by a sale perhaps, the page says so.
        """
        variant, pieces = body.string("variant"), parse_stock(body.string("on_hand"))
        try:
            if pieces is None:
                raise Invalid(self._texts("product_form.wrong_stock"))
            change = StockChange(on_hand=pieces, revision=body.integer("revision") or 0)
            await self._catalog.change_stock(id, variant, change, viewer, {})
        except ServiceError as failure:
            fault = form_fault(failure)
            if fault.status == 412:
                fault = fault._replace(message=self._texts("selling_product.stock_changed"))
            return await self.show(id, viewer, part="stock", fault=fault, typed=body)
        return _back_to(id, "stock")

    async def add_picture(self, id: str, viewer: Caller, body: RequestParams) -> Response:
        """Upload a picture, and put it behind the others."""
        found = await self._own(id, viewer)
        ids = [one.id for one in found.product.pictures]
        try:
            picture = await self._upload(body, viewer, len(ids))
            wanted = EditedProduct(media_ids=[*ids, picture.id])
            seen = {"if-match": f'"{found.version}"'}
            await self._catalog.edit_product(id, wanted, viewer, seen)
        except ServiceError as failure:
            fault = self._fault(failure)
            return await self.show(id, viewer, part="picture", fault=fault, typed=body)
        return _back_to(id, "pictures")

    async def _upload(self, body: RequestParams, viewer: Caller, there: int) -> Attachment:
        if there >= MAX_PICTURES:
            raise Invalid(self._texts("selling_product.too_many", most=MAX_PICTURES))
        file = body.file("file")
        if file is None:
            raise Invalid(self._texts("selling_product.no_file"))
        alt = body.string("alt")
        return await self._gateway.uploads.upload_attachment(viewer, file, alt, None)

    async def _edited_pictures(
        self, rows: list[PictureRow], product: Product, viewer: Caller
    ) -> list[str] | None:
        """The pictures that are kept, with their new descriptions; None if nothing changes."""
        known = {one.id: one for one in product.pictures}
        there = [row for row in rows if row.id in known]
        gone = {row.id for row in there if row.removed}
        described = [
            row
            for row in there
            if row.id not in gone and row.description.strip() != known[row.id].description
        ]
        for row in described:
            await self._gateway.uploads.describe(viewer, row.id, row.description, None)
        return [id for id in known if id not in gone] if described or gone else None

    async def _own(self, id: str, viewer: Caller) -> ProductView:
        """A product of the viewer. Raises `Forbidden` for another person's."""
        found = await self._catalog.product(id, viewer)
        if found.product.seller != viewer.user_id:
            raise Forbidden(self._texts("selling_product.not_yours"))
        return found

    def _fault(self, failure: ServiceError) -> FormFault:
        """What went wrong; a change by somebody else in words of this page."""
        fault = form_fault(failure)
        if fault.status == 412:
            return fault._replace(message=self._texts("selling.changed"))
        return fault


def _back_to(id: str, part: str = "") -> Response:
    return RedirectResponse(f"{SELLING}/products/{id}{'#' if part else ''}{part}", 303)
