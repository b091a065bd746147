"""How the payments service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.ids import SnowflakeGenerator
from services.chassis.service import Service
from services.payments import belongings
from services.payments.api import create_router
from services.payments.audit import Audit
from services.payments.chaser import Chaser
from services.payments.events import subscribe
from services.payments.provider.port import Provider
from services.payments.provider.testing import BuiltInProvider
from services.payments.store import Store
from services.payments.till import Till
from services.payments.webhooks import SECRET, Messenger, Secret, Webhooks


def create_app(service: Service, provider: Provider | None = None) -> FastAPI:
    """The payments service on its sidecar; with the built-in provider if no other is given."""
    store = Store(service)
    secret = Secret(lambda: service.sidecar.secret(SECRET))
    if provider is None:
        provider = BuiltInProvider(store.charges, Messenger(service.sidecar, secret))
        service.manage(provider)
    till = Till(store, provider, ids=SnowflakeGenerator().next)
    subscribe(service, store, till)
    service.background(Chaser(store, till).run)
    return service.create_app(
        create_router(till, Webhooks(till, secret), Audit(store), store),
        belongings.create_router(store),
    )
