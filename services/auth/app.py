"""How auth is put together."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import FastAPI

from services.auth.adapters.passwords import PasswordHasherPool
from services.auth.adapters.signing_keys import SIGNING_KEYS_SECRET, SigningKeySet
from services.auth.api import data_export
from services.auth.api.routes import AuthServices, create_routers
from services.auth.application.account_deletion import AccountDeletion
from services.auth.application.accounts import AccountService
from services.auth.application.login import Authenticator
from services.auth.application.oauth import OAuthService
from services.auth.application.registration import RegistrationService
from services.auth.repository import Repository
from services.chassis.consuming.events import CloudEvent
from services.chassis.ids import SnowflakeGenerator
from services.chassis.service import Service
from services.contracts.events import LOGIN_REGISTERED

Clock = Callable[[], datetime]


def create_app(
    service: Service, *, passwords: PasswordHasherPool | None = None, clock: Clock | None = None
) -> FastAPI:
    """Auth on its sidecar."""
    passwords = passwords or PasswordHasherPool()
    service.manage(passwords)
    clock = clock or _now
    new_id = SnowflakeGenerator().next
    repository = Repository(service)
    signing_keys = SigningKeySet(lambda: service.sidecar.secret(SIGNING_KEYS_SECRET))
    authenticator = Authenticator(repository, passwords, clock)
    oauth = OAuthService(repository, authenticator, signing_keys, new_id, _new_secret, clock)
    registration = RegistrationService(repository, passwords, new_id, clock)
    accounts = AccountService(repository, clock)
    account_deletion = AccountDeletion(repository, authenticator, accounts)

    async def login_changed(event: CloudEvent) -> None:
        await accounts.on_login_changed(event)
        await account_deletion.on_login_changed(event)

    service.on_topic(LOGIN_REGISTERED.topic, LOGIN_REGISTERED.producer, login_changed)
    services = AuthServices(
        oauth, registration, accounts, account_deletion, signing_keys, repository.revocations
    )
    return service.create_app(*create_routers(services), data_export.create_router(repository))


def _now() -> datetime:
    return datetime.now(UTC)


def _new_secret() -> str:
    """256 random bits, safe in a URL."""
    return secrets.token_urlsafe(32)
