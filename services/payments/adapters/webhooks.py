"""Webhooks: what the provider tells of its own accord, if it is the provider."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from pydantic import ValidationError

from services.chassis.errors import Invalid, NotFound
from services.clients.payments import PaymentWebhookClient
from services.payments.application.payment_service import PaymentService
from services.payments.domain import signatures
from services.payments.domain.payments import PaymentRecord
from services.payments.provider.port import ProviderCallback

SECRET_NAME = "payments-webhook-secret"  # noqa: S105 (its name)

Clock = Callable[[], float]


class WebhookSecret:
    """The secret that provider and payments share, read when first needed."""

    def __init__(self, read: Callable[[], Awaitable[str]]) -> None:
        self._read = read
        self._value = ""

    async def get(self) -> str:
        """The secret. Raises `NotFound` where the secret store has none, or an empty one."""
        if not self._value:
            self._value = await self._read()
        if not self._value:  # which everybody could sign with
            raise NotFound(f"The secret «{SECRET_NAME}» is empty.")
        return self._value


class WebhookReceiver:
    """Checks who sends them, and hands on what they say."""

    def __init__(
        self, till: PaymentService, secret: WebhookSecret, *, now: Clock = time.time
    ) -> None:
        self._till = till
        self._secret = secret
        self._now = now

    async def receive(self, body: bytes, signature: str) -> PaymentRecord:
        """Take one. Raises `Forbidden` for what is not signed or too old, `Invalid` for nonsense.

        What comes again changes nothing.
        """
        signatures.verify(await self._secret.get(), body, signature, int(self._now()))
        try:
            callback = ProviderCallback.model_validate_json(body)
        except ValidationError as error:
            raise Invalid("This is not a callback of the provider.") from error
        return await self._till.on_provider_callback(callback)


class WebhookSender:
    """Brings the built-in provider's webhooks to the public door, signed."""

    def __init__(
        self, webhooks: PaymentWebhookClient, secret: WebhookSecret, *, now: Clock = time.time
    ) -> None:
        self._webhooks = webhooks
        self._secret = secret
        self._now = now

    async def __call__(self, body: bytes) -> None:
        signature = signatures.sign(await self._secret.get(), body, int(self._now()))
        await self._webhooks.send_to_gateway(body, signature)
