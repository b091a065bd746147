"""The form of a new product."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.chassis.errors import ServiceError
from services.chassis.security.caller import Caller
from services.contracts.catalog import ShopView
from services.contracts.posts import Attachment
from services.gateway.container import Gateway
from services.gateway.http.params import RequestParams
from services.gateway.http.reading import params_with_files
from services.gateway.presentation.entities import posts
from services.gateway.presentation.entities import shop as entities
from services.gateway.web.faults import FormFault, form_fault
from services.gateway.web.form_keys import new_key
from services.gateway.web.product_form import ProductForm
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.selling import SELLING, own_shop
from services.gateway.web.viewer import SignedIn


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The form of a new product. Catalog checks that its shop is the viewer's own."""
    router = APIRouter(
        prefix=SELLING, tags=["pages"], route_class=pages.route_class(), include_in_schema=False
    )
    page = _NewProductPage(gateway, pages)

    @router.get("/shops/{id}/products/new")
    async def empty(viewer: SignedIn, id: str) -> Response:
        """The empty form."""
        shop = await own_shop(gateway, id, viewer, pages.texts)
        return page.show(viewer, shop, ProductForm.empty(), new_key())

    @router.post("/products")
    async def create(request: Request, viewer: SignedIn) -> Response:
        """Sell a product. The key of the form makes one product of two clicks."""
        async with params_with_files(request, files=1, truncate=True) as body:
            return await page.create(viewer, body)

    return router


class _NewProductPage:
    """The form of a new product."""

    def __init__(self, gateway: Gateway, pages: PageRenderer) -> None:
        self._gateway = gateway
        self._pages = pages

    def show(
        self,
        viewer: Caller,
        shop: ShopView,
        form: ProductForm,
        key: str,
        picture: Attachment | None = None,
        fault: FormFault | None = None,
    ) -> Response:
        """The form, with what was typed and the picture that was uploaded."""
        at = self._gateway.urls
        return self._pages.render(
            "product_new",
            viewer=viewer,
            status=fault.status if fault else 200,
            shop=entities.shop(shop, at),
            form=form,
            key=key,
            picture=posts.attachment(picture, at) if picture else None,
            message=fault.message if fault else "",
        )

    async def create(self, viewer: Caller, body: RequestParams) -> Response:
        """Create the product and open its page, or show the form again with what is wrong.

        A picture is uploaded first, and stays with the form if something else is wrong.
        """
        shop = await own_shop(self._gateway, body.string("shop"), viewer, self._pages.texts)
        form, key = ProductForm.read(body), body.string("key")
        picture = await self._picture(body, viewer, form)
        if "more" in body:
            return self.show(viewer, shop, form, key, picture)
        if not form.check(shop.shop.currency, self._pages.texts).is_valid:
            fault = FormFault(self._pages.texts("form.wrong"), 422, "invalid")
            return self.show(viewer, shop, form, key, picture, fault)
        ids = [picture.id] if picture else []
        new = form.new(shop.shop.id, shop.shop.currency, ids, key)
        try:
            made = await self._gateway.services.catalog.create_product(new, viewer)
        except ServiceError as failure:
            fault = form_fault(failure)
            if fault.code == "key_reused":
                fault = fault._replace(message=self._pages.texts("product_form.sent_before"))
            return self.show(viewer, shop, form, key, picture, fault)
        return RedirectResponse(f"{SELLING}/products/{made.product.id}", 303)

    async def _picture(
        self, body: RequestParams, viewer: Caller, form: ProductForm
    ) -> Attachment | None:
        """The picture of the form: a new file, or the one of an earlier try."""
        alt, uploads = body.string("alt"), self._gateway.uploads
        try:
            if file := body.file("file"):
                return await uploads.upload_attachment(viewer, file, alt, None)
            if earlier := body.string("media_id"):
                return await uploads.describe(viewer, earlier, alt, None)
        except ServiceError as failure:
            form.faults["picture"] = form_fault(failure).message
        return None
