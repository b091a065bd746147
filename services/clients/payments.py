"""The payments service: payments of orders, balances, the webhook of the payment provider."""

from __future__ import annotations

from typing import Any, Literal

from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients.base import ExportingClient, Invoker
from services.clients.paths import numeric_id, quoted
from services.contracts.payments import Balance, NewPayment, NewRefund, Payment, Statement

SIGNATURE_HEADER = "provider-signature"
GATEWAY_PATH = "webhooks/payments"
"""Where the gateway takes webhooks from outside."""


class PaymentsClient(ExportingClient):
    """Routes of the payments service."""

    app_id = "payments"

    async def payment(self, order: str) -> Payment:
        """The payment of an order. Raises `NotFound`."""
        return await self._get(Payment, f"payments/{numeric_id(order)}")

    async def authorize(self, order: str, new: NewPayment) -> Payment:
        """Hold the amount on the buyer's card."""
        return await self._post(Payment, f"payments/{numeric_id(order)}/authorize", json=new)

    async def end_authorization(self, order: str, action: Literal["capture", "void"]) -> Payment:
        """Take what is held, or give it back and never take it."""
        return await self._post(Payment, f"payments/{numeric_id(order)}/{action}")

    async def refund(self, order: str, refund: NewRefund) -> Payment:
        """Give back what was taken, or a part of it."""
        return await self._post(Payment, f"payments/{numeric_id(order)}/refund", json=refund)

    async def balances(self, caller: Caller) -> list[Balance]:
        """What the caller spent and earned, by currency."""
        rows = await self._get(list[Any], "balances", caller)
        return [Balance.model_validate(row) for row in rows]

    async def statement(
        self, caller: Caller, account: Literal["buyer", "seller"], currency: str, window: Window
    ) -> Statement:
        """The changes of one of the caller's balances, newest first."""
        path = f"statements/{account}/{quoted(currency)}"
        return await self._get(Statement, path, caller, window.params())


class PaymentWebhookClient:
    """Hands on the signed bytes of a webhook: to the public door, and from there to payments."""

    def __init__(self, invoker: Invoker) -> None:
        self._invoker = invoker

    async def send_to_gateway(self, body: bytes, signature: str) -> None:
        """As the provider sends it."""
        await self._send("gateway", GATEWAY_PATH, body, signature)

    async def send_to_payments(self, body: bytes, signature: str) -> None:
        """As the gateway hands it on. Raises `Forbidden` for a wrong signature."""
        await self._send("payments", "webhooks/provider", body, signature)

    async def _send(self, app: str, path: str, body: bytes, signature: str) -> None:
        headers = {"content-type": "application/json", SIGNATURE_HEADER: signature}
        await self._invoker.invoke(app, path, method="POST", data=body, headers=headers)
