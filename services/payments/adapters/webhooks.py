"""Webhooks: verifies those that come from the provider, and sends those of the sandbox."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from pydantic import ValidationError

from services.chassis.errors import Invalid, NotFound
from services.clients.payments import PaymentWebhookClient
from services.payments.domain import signatures
from services.payments.provider.port import ProviderCallback

SECRET_NAME = "payments-webhook-secret"  # noqa: S105 (a name)

Clock = Callable[[], float]


class WebhookSecret:
    """The secret that provider and payments share, read when it is first needed."""

    def __init__(self, read: Callable[[], Awaitable[str]]) -> None:
        self._read = read
        self._value = ""

    async def get(self) -> str:
        """Return the secret. Raises `NotFound` if the secret store has none, or an empty one."""
        if not self._value:
            self._value = await self._read()
        if not self._value:  # everybody could sign with an empty secret
            raise NotFound(f"The secret '{SECRET_NAME}' is empty.")
        return self._value


class WebhookVerifier:
    """Verifies and parses webhooks of the provider."""

    def __init__(self, secret: WebhookSecret, *, now: Clock = time.time) -> None:
        self._secret = secret
        self._now = now

    async def verify(self, body: bytes, signature: str) -> ProviderCallback:
        """Return the callback in a webhook.

        Raises `Forbidden` if it is not signed or too old, `Invalid` if it cannot be parsed.
        """
        signatures.verify(await self._secret.get(), body, signature, int(self._now()))
        try:
            return ProviderCallback.model_validate_json(body)
        except ValidationError as error:
            raise Invalid("The webhook is not a callback of the provider.") from error


class WebhookSender:
    """Signs the webhooks of the sandbox provider and sends them to the gateway."""

    def __init__(
        self, client: PaymentWebhookClient, secret: WebhookSecret, *, now: Clock = time.time
    ) -> None:
        self._client = client
        self._secret = secret
        self._now = now

    async def __call__(self, body: bytes) -> None:
        signature = signatures.sign(await self._secret.get(), body, int(self._now()))
        await self._client.send_to_gateway(body, signature)
