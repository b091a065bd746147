"""The events that payments consumes: its own payments."""

from __future__ import annotations

from services.chassis.consuming.events import Event
from services.chassis.service import Service
from services.contracts.events import PAYMENT_CHANGED
from services.contracts.payments import Payment
from services.payments.application.payment_service import PaymentService
from services.payments.application.projections import PaymentProjector
from services.payments.repository import Repository


def subscribe(service: Service, repository: Repository, payments: PaymentService) -> None:
    """Subscribe the projections."""
    projector = PaymentProjector(repository)

    async def on_payment_changed(event: Event[Payment]) -> None:
        """Project a payment. A step that is open is mostly settled a moment later: wait for it."""
        if event.data.waiting:
            await payments.wait_for_settlement(event.subject)
        await projector.project(event.subject, event.version)

    service.on(PAYMENT_CHANGED, on_payment_changed)
