"""Composition of the payments service."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.ids import SnowflakeGenerator
from services.chassis.service import Service
from services.clients.payments import PaymentWebhookClient
from services.payments.adapters.webhooks import (
    SECRET_NAME,
    WebhookSecret,
    WebhookSender,
    WebhookVerifier,
)
from services.payments.api import accounts, data_export, payments
from services.payments.application.ledger_audit import SWEEP_INTERVAL, LedgerAudit
from services.payments.application.payment_reconciler import (
    IDLE_INTERVAL,
    RECONCILE_INTERVAL,
    PaymentReconciler,
)
from services.payments.application.payment_service import PaymentService
from services.payments.consumers import subscribe
from services.payments.metrics import measure_ledger
from services.payments.provider.port import Provider
from services.payments.provider.sandbox import SandboxProvider
from services.payments.repository import Repository


def create_app(service: Service, provider: Provider | None = None) -> FastAPI:
    """Return the payments service, with the sandbox provider if no other is given."""
    repository = Repository(service)
    secret = WebhookSecret(lambda: service.sidecar.secret(SECRET_NAME))
    if provider is None:
        sender = WebhookSender(PaymentWebhookClient(service.sidecar), secret)
        provider = SandboxProvider(repository.charges, sender)
        service.manage(provider)
    payment_service = PaymentService(repository, provider, ids=SnowflakeGenerator().next)
    subscribe(service, repository, payment_service)
    reconciler = PaymentReconciler(repository, payment_service)
    service.every(
        RECONCILE_INTERVAL,
        reconciler.reconcile_due,
        max_backoff=RECONCILE_INTERVAL,
        idle_interval=IDLE_INTERVAL,
    )
    audit = LedgerAudit(repository)
    service.every(SWEEP_INTERVAL, audit.sweep)
    measure_ledger(service.metrics, audit)
    return service.create_app(
        payments.create_router(payment_service),
        payments.create_webhook_router(payment_service, WebhookVerifier(secret)),
        accounts.create_router(audit, repository),
        accounts.create_ledger_router(audit),
        data_export.create_router(repository),
    )
