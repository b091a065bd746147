"""How auth is put together."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import FastAPI

from services.auth import belongings
from services.auth.api import Desk, create_routers
from services.auth.keys import SECRET, Keyring
from services.auth.leaving import Leaving
from services.auth.office import Office
from services.auth.passwords import Passwords
from services.auth.registrar import Registrar
from services.auth.store import Store
from services.auth.turnstile import Turnstile
from services.auth.warden import Warden
from services.chassis.consuming.inbox import Event
from services.chassis.ids import SnowflakeGenerator
from services.chassis.service import Service
from services.contracts.events import LOGIN_REGISTERED

Clock = Callable[[], datetime]


def create_app(
    service: Service, *, passwords: Passwords | None = None, clock: Clock | None = None
) -> FastAPI:
    """Auth on its sidecar."""
    passwords = passwords or Passwords()
    service.manage(passwords)
    clock = clock or _now
    new_id = SnowflakeGenerator().next
    store = Store(service)
    keyring = Keyring(lambda: service.sidecar.secret(SECRET))
    turnstile = Turnstile(store, passwords, clock)
    office = Office(store, turnstile, keyring, new_id, _new_secret, clock)
    registrar = Registrar(store, passwords, new_id, clock)
    warden = Warden(store, clock)
    leaving = Leaving(store, turnstile, warden)

    async def login_changed(event: Event) -> None:
        await warden.login_changed(event)
        await leaving.login_changed(event)

    service.on(LOGIN_REGISTERED.topic, LOGIN_REGISTERED.producer, login_changed)
    desk = Desk(office, registrar, warden, leaving, keyring, store.revocations)
    return service.create_app(*create_routers(desk), belongings.create_router(store))


def _now() -> datetime:
    return datetime.now(UTC)


def _new_secret() -> str:
    """256 random bits, safe in a URL."""
    return secrets.token_urlsafe(32)
