"""Shops, products, product cards, quotes and stock as entities of the shop API."""

from __future__ import annotations

from services.contracts.catalog import EXPONENTS, Product, ProductView, QuoteLine, ShopView, Stock
from services.gateway.presentation.entities.posts import Entity, attachment
from services.gateway.presentation.urls import PublicUrls


def money(amount: int, currency: str) -> Entity:
    """An amount in minor units, and as a decimal, since exponents differ."""
    places = EXPONENTS[currency]
    digits = str(abs(amount)).rjust(places + 1, "0")
    written = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    sign = "-" if amount < 0 else ""
    return {"amount": amount, "currency": currency, "decimal": sign + written}


def shop(view: ShopView, at: PublicUrls) -> Entity:
    """A shop."""
    source = view.shop
    return {
        "id": source.id,
        "url": at.shop(source.id),
        "owner_id": source.owner,
        "name": source.name,
        "description": source.description,
        "currency": source.currency,
        "created_at": source.created_at,
        "edited_at": source.edited_at,
        "archived": source.archived,
    }


def product(view: ProductView, at: PublicUrls) -> Entity:
    """A product, with the available quantity of each variant."""
    source, available = view.product, view.available or {}
    return {
        "id": source.id,
        "url": at.product(source.id),
        "shop_id": source.shop,
        "seller_id": source.seller,
        "title": source.title,
        "description": source.description,
        "pictures": [attachment(picture, at) for picture in source.pictures],
        "currency": source.currency,
        "variants": [
            {
                "id": variant.id,
                "name": variant.name,
                "price": money(variant.price, source.currency),
                "available": available.get(variant.id, 0),
            }
            for variant in source.variants
        ],
        "created_at": source.created_at,
        "edited_at": source.edited_at,
        "archived": source.archived,
    }


def lowest_price(source: Product) -> int:
    """The lowest price of a product's variants, in minor units."""
    return min(variant.price for variant in source.variants)


def card(source: Product, at: PublicUrls) -> Entity:
    """A product card below a post: its picture and its lowest price."""
    return {
        "id": source.id,
        "url": at.product(source.id),
        "shop_id": source.shop,
        "seller_id": source.seller,
        "title": source.title,
        "picture": attachment(source.pictures[0], at) if source.pictures else None,
        "price": money(lowest_price(source), source.currency),
    }


def quote_line(source: QuoteLine, at: PublicUrls) -> Entity:
    """One line of a quote."""
    return {
        "product_id": source.product,
        "variant_id": source.variant,
        "shop_id": source.shop,
        "seller_id": source.seller,
        "title": source.title,
        "name": source.name,
        "picture": attachment(source.picture, at) if source.picture else None,
        "quantity": source.quantity,
        "available": source.available,
        "price": money(source.price, source.currency),
        "total": money(source.price * source.quantity, source.currency),
    }


def stock(source: Stock) -> Entity:
    """The stock of a variant; `revision` is its version for `If-Match`."""
    return {"variant_id": source.variant, **source.model_dump(exclude={"variant"})}
