"""The events that orders consumes: its own orders and claimed carts, and accounts.

An order event carries the newest view of the order, so the log is not read. Events may come
repeatedly or late, and several versions may be reduced to the last: each is complete.
"""

from __future__ import annotations

from services.chassis.consuming.events import Event
from services.chassis.service import Service
from services.clients.deletions import confirm_deletions
from services.contracts.accounts import Profile
from services.contracts.events import ACCOUNT_CHANGED, ORDER_CHANGED
from services.contracts.orders import Order
from services.orders.application.checkout import CheckoutService
from services.orders.application.projections import OrderProjector
from services.orders.repository import CART_CLAIMED, CartClaim, Repository


def subscribe(service: Service, repository: Repository, checkout: CheckoutService) -> None:
    """Subscribe the projections, the completion of claimed carts, and the erasure of carts."""
    projector = OrderProjector(repository)

    async def on_cart_claimed(event: Event[CartClaim]) -> None:
        await checkout.settle_claim(event.subject, event.data.order)

    async def on_order_changed(event: Event[Order]) -> None:
        await projector.project(event.payload)

    async def on_account_changed(event: Event[Profile]) -> None:
        """Delete the cart of a deleted user. Orders stay: they belong to the other side too."""
        if event.data.deleted:
            await repository.carts.delete(event.subject)

    service.on(CART_CLAIMED, on_cart_claimed)
    service.on(ORDER_CHANGED, on_order_changed)
    service.on(ACCOUNT_CHANGED, confirm_deletions(service.sidecar, on_account_changed))
