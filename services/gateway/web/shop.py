"""The public pages of shops and products."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from services.clients.base import gather_all
from services.contracts.accounts import Account, Profile
from services.contracts.catalog import Product, ShopView
from services.gateway.container import Gateway
from services.gateway.presentation.entities import people
from services.gateway.presentation.entities import shop as entities
from services.gateway.presentation.entities.posts import Entity
from services.gateway.web.previews import Previews
from services.gateway.web.renderer import PageRenderer

_PAGE_SIZE = 30

MaxId = Annotated[str, Query(max_length=20, pattern=r"^\d*$")]


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """Public pages of shops and products."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    previews = Previews(gateway.urls)

    @router.get("/shops/{id}")
    async def shop(id: str, max_id: MaxId = "") -> Response:
        """A shop with its products, newest first."""
        found = (await gateway.services.catalog.shop(id)).shop
        owner, page = await gather_all(
            _profile(gateway, found.owner),
            gateway.services.catalog.products(
                None, limit=_PAGE_SIZE, max_id=max_id, shop=found.id, stock=False
            ),
        )
        products = [view.product for view in page.products]
        return pages.render(
            "shop",
            store=True,
            preview=previews.shop(found, owner, products),
            shop=entities.shop(ShopView(shop=found), gateway.urls),
            owner=_seller(gateway, owner),
            tiles=[_tile(gateway, product) for product in products],
            older=page.last,
        )

    @router.get("/products/{id}")
    async def product(id: str) -> Response:
        """A product with its prices and availability."""
        view = await gateway.services.catalog.product(id)
        found = view.product
        seller, shop = await gather_all(
            _profile(gateway, found.seller), gateway.services.catalog.shop(found.shop)
        )
        available = any((view.available or {}).values())
        return pages.render(
            "product",
            store=True,
            preview=previews.product(found, seller, available=available),
            product=entities.product(view, gateway.urls),
            shop=entities.shop(shop, gateway.urls),
            seller=_seller(gateway, seller),
        )

    return router


async def _profile(gateway: Gateway, id: str) -> Profile:
    """The profile of an owner. Raises `NotFound`."""
    return people.public_profile(
        Account.model_validate(await gateway.services.users.account(id)).profile
    )


def _seller(gateway: Gateway, profile: Profile) -> Entity:
    return {
        "name": profile.display_name or profile.username,
        "username": profile.username,
        "url": gateway.urls.account(profile.username),
        "avatar": gateway.urls.avatar(profile.avatar),
    }


def _tile(gateway: Gateway, product: Product) -> dict[str, Any]:
    """The tile of a product."""
    several = len({variant.price for variant in product.variants}) > 1
    return entities.card(product, gateway.urls) | {"several": several}
