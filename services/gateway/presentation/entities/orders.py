"""Carts and orders as entities of the shop API."""

from __future__ import annotations

from services.contracts.orders import Cart, CartLine, Order, OrderLine
from services.gateway.presentation.entities.posts import Entity, attachment
from services.gateway.presentation.entities.shop import money, quote_line
from services.gateway.presentation.urls import PublicUrls


def cart(source: Cart, at: PublicUrls) -> Entity:
    """A cart; `total` is `None` while it is empty."""
    return {
        "items": [_cart_line(line, at) for line in source.lines],
        "gone": [
            {"product_id": item.product, "variant_id": item.variant, "quantity": item.quantity}
            for item in source.gone
        ],
        "shop_id": source.shop,
        "seller_id": source.seller,
        "total": money(source.total, source.currency) if source.currency else None,
    }


def _cart_line(line: CartLine, at: PublicUrls) -> Entity:
    """A line; `added_price` is what one piece cost when it was put into the cart, if known."""
    added = None if line.added_price is None else money(line.added_price, line.currency)
    return quote_line(line, at) | {"added_price": added}


def order(source: Order, at: PublicUrls) -> Entity:
    """An order with its history."""
    return {
        "id": source.id,
        "buyer_id": source.buyer,
        "seller_id": source.seller,
        "shop_id": source.shop,
        "items": [_line(line, source.currency, at) for line in source.lines],
        "total": money(source.total, source.currency),
        "state": source.state,
        "reason": source.reason,
        "paid": source.paid,
        "history": [entry.model_dump() for entry in source.history],
        "created_at": source.created_at,
    }


def _line(line: OrderLine, currency: str, at: PublicUrls) -> Entity:
    return {
        "product_id": line.product,
        "variant_id": line.variant,
        "title": line.title,
        "name": line.name,
        "picture": attachment(line.picture, at) if line.picture else None,
        "quantity": line.quantity,
        "price": money(line.price, currency),
        "total": money(line.price * line.quantity, currency),
    }
