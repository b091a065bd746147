"""The start of the shop, and the pages of shops and products."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from starlette.responses import RedirectResponse

from services.chassis.security.caller import Caller
from services.clients.base import gather_all
from services.contracts.accounts import Account, Profile
from services.contracts.catalog import Product, ShopView
from services.gateway.container import Gateway
from services.gateway.presentation.entities import people
from services.gateway.presentation.entities import shop as entities
from services.gateway.web.faults import FormFault
from services.gateway.web.linked_data import product_data
from services.gateway.web.previews import Previews
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.timelines import Entity, MaxId
from services.gateway.web.viewer import Viewer

PAGE_SIZE = 30
_NEWEST_SHOPS = 8
_SHOPS_OF_ONE = 10

Words = Annotated[str, Query(max_length=200)]


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """Pages of what is sold, for users and for strangers."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    previews = Previews(gateway.urls, pages.texts)
    product_page = ProductPage(gateway, pages)

    @router.get("/shop")
    async def start(viewer: Viewer, q: Words = "", max_id: MaxId = "") -> Response:
        """The newest products, or those with some words, and the newest shops."""
        words = q.strip()
        is_start = not (words or max_id)
        found, shops = await gather_all(
            gateway.services.catalog.products(
                viewer, limit=PAGE_SIZE, max_id=max_id, q=words, stock=False
            ),
            _newest_shops(gateway, viewer if is_start else None, is_start),
        )
        older = urlencode({**({"q": words} if words else {}), "max_id": found.last})
        return pages.render(
            "shop_start",
            viewer=viewer,
            store=True,
            q=words,
            is_start=is_start,
            shops=shops,
            products=[product_tile(gateway, view.product) for view in found.products],
            older=f"?{older}" if found.last else "",
        )

    @router.get("/shops/{id}")
    async def shop(id: str, viewer: Viewer, max_id: MaxId = "") -> Response:
        """A shop with its products, newest first."""
        found = (await gateway.services.catalog.shop(id, viewer)).shop
        owner, page = await gather_all(
            public_profile(gateway, found.owner),
            gateway.services.catalog.products(
                viewer, limit=PAGE_SIZE, max_id=max_id, shop=found.id, stock=False
            ),
        )
        products = [view.product for view in page.products]
        return pages.render(
            "shop",
            viewer=viewer,
            store=True,
            preview=previews.shop(found, owner, products),
            shop=entities.shop(ShopView(shop=found), gateway.urls),
            owner=_seller(gateway, owner),
            products=[product_tile(gateway, product) for product in products],
            older=f"?max_id={page.last}" if page.last else "",
        )

    @router.get("/products/{id}")
    async def product(id: str, viewer: Viewer) -> Response:
        """A product with its prices and availability."""
        return await product_page.show(id, viewer)

    @router.get("/@{username}/shop")
    async def shops_of(username: str, viewer: Viewer) -> Response:
        """The shops of a person. If there is one, its page."""
        account = Account.model_validate(await gateway.services.users.account_named(username[:40]))
        owner = people.public_profile(account.profile)
        found = await gateway.services.catalog.shops(viewer, limit=_SHOPS_OF_ONE, owner=owner.id)
        shops = [entities.shop(view, gateway.urls) for view in found.shops]
        if len(shops) == 1:
            return RedirectResponse(shops[0]["url"], 302)
        person = _seller(gateway, owner)
        return pages.render("person_shops", viewer=viewer, store=True, owner=person, shops=shops)

    return router


class ProductPage:
    """The page of a product, which the form for the cart shows again with its fault."""

    def __init__(self, gateway: Gateway, pages: PageRenderer) -> None:
        self._gateway = gateway
        self._pages = pages
        self._previews = Previews(gateway.urls, pages.texts)

    async def show(
        self,
        id: str,
        viewer: Caller | None,
        *,
        fault: FormFault | None = None,
        chosen: str = "",
        quantity: str = "1",
    ) -> Response:
        """The page, with what was chosen."""
        catalog = self._gateway.services.catalog
        view = await catalog.product(id, viewer)
        found, available = view.product, view.available or {}
        seller, shop = await gather_all(
            public_profile(self._gateway, found.seller), catalog.shop(found.shop, viewer)
        )
        left = [variant.id for variant in found.variants if available.get(variant.id)]
        is_sold = not (found.archived or shop.shop.archived)
        return self._pages.render(
            "product",
            viewer=viewer,
            store=True,
            status=fault.status if fault else 200,
            linked_data=product_data(view, self._gateway.urls),
            preview=self._previews.product(found, seller, available=bool(left)),
            product=entities.product(view, self._gateway.urls),
            shop=entities.shop(shop, self._gateway.urls),
            seller=_seller(self._gateway, seller),
            is_sold=is_sold,
            is_available=is_sold and bool(left),
            chosen=chosen if chosen in left else next(iter(left), ""),
            quantity=quantity,
            fault=fault,
        )


async def public_profile(gateway: Gateway, id: str) -> Profile:
    """The public part of a profile. Raises `NotFound`."""
    return people.public_profile(
        Account.model_validate(await gateway.services.users.account(id)).profile
    )


async def _newest_shops(gateway: Gateway, viewer: Caller | None, wanted: bool) -> list[Entity]:
    if not wanted:
        return []
    found = await gateway.services.catalog.shops(viewer, limit=_NEWEST_SHOPS)
    return [entities.shop(view, gateway.urls) for view in found.shops]


def _seller(gateway: Gateway, profile: Profile) -> Entity:
    return {
        "id": profile.id,
        "name": profile.display_name or profile.username,
        "username": profile.username,
        "url": gateway.urls.account(profile.username),
        "avatar": gateway.urls.avatar(profile.avatar),
    }


def product_tile(gateway: Gateway, product: Product) -> dict[str, Any]:
    """The tile of a product. `several`: its variants have several prices."""
    several = len({variant.price for variant in product.variants}) > 1
    return entities.card(product, gateway.urls) | {"several": several}
