"""How the payments service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.ids import SnowflakeGenerator
from services.chassis.service import Service
from services.clients.payments import PaymentWebhookClient
from services.payments.adapters.webhooks import (
    SECRET_NAME,
    WebhookReceiver,
    WebhookSecret,
    WebhookSender,
)
from services.payments.api import create_router, data_export
from services.payments.application.ledger_audit import LedgerAudit
from services.payments.application.payment_reconciler import PaymentReconciler
from services.payments.application.payment_service import PaymentService
from services.payments.consumers import subscribe
from services.payments.provider.port import Provider
from services.payments.provider.sandbox import SandboxProvider
from services.payments.repository import Repository


def create_app(service: Service, provider: Provider | None = None) -> FastAPI:
    """The payments service on its sidecar; with the built-in provider if no other is given."""
    store = Repository(service)
    secret = WebhookSecret(lambda: service.sidecar.secret(SECRET_NAME))
    if provider is None:
        sender = WebhookSender(PaymentWebhookClient(service.sidecar), secret)
        provider = SandboxProvider(store.charges, sender)
        service.manage(provider)
    till = PaymentService(store, provider, ids=SnowflakeGenerator().next)
    subscribe(service, store, till)
    service.background(PaymentReconciler(store, till).run)
    return service.create_app(
        create_router(till, WebhookReceiver(till, secret), LedgerAudit(store), store),
        data_export.create_router(store),
    )
