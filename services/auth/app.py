"""Composition of auth."""

from __future__ import annotations

import secrets

from fastapi import FastAPI

from services.auth import consumers
from services.auth.adapters.own_keys import OwnKeySource
from services.auth.adapters.passwords import PasswordHasherPool
from services.auth.adapters.signing_keys import SIGNING_KEYS_SECRET, SigningKeySet
from services.auth.api import (
    accounts,
    apps,
    data_export,
    keys,
    recovery,
    registrations,
    second_factor,
    tokens,
)
from services.auth.api import sessions as sessions_routes
from services.auth.application.account_deletion import AccountDeletion
from services.auth.application.account_mails import AccountMailer
from services.auth.application.accounts import AccountService
from services.auth.application.apps import AppService
from services.auth.application.emails import EmailService
from services.auth.application.login import Authenticator
from services.auth.application.oauth import OAuthService
from services.auth.application.passwords import PasswordService
from services.auth.application.refreshing import TokenRefresher
from services.auth.application.registration import RegistrationService
from services.auth.application.second_factor import SecondFactorService
from services.auth.application.session_registry import SessionRegistry
from services.auth.application.sessions import SessionService
from services.auth.application.tokens import TokenIssuer
from services.auth.repository import Repository
from services.chassis.ids import Clock, SnowflakeGenerator, utc_now
from services.chassis.service import Service
from services.clients.notifications import NotificationsClient


def create_app(
    service: Service, *, passwords: PasswordHasherPool | None = None, clock: Clock | None = None
) -> FastAPI:
    """Return auth on its sidecar."""
    passwords = passwords or PasswordHasherPool()
    service.manage(passwords)
    clock = clock or utc_now
    new_id = SnowflakeGenerator().next
    repository = Repository(service)
    signing_keys = SigningKeySet(lambda: service.sidecar.secret(SIGNING_KEYS_SECRET))
    issuer = TokenIssuer(repository, signing_keys, _new_secret, clock)
    factors = SecondFactorService(repository, _new_secret, clock)
    authenticator = Authenticator(repository, passwords, factors, clock)
    mailer = AccountMailer(
        repository,
        NotificationsClient(service.sidecar),
        new_id,
        _new_secret,
        clock,
        enabled=service.settings.microgram_mail,
    )
    registry = SessionRegistry(repository, issuer)
    refresher = TokenRefresher(repository, issuer, registry, _new_secret)
    oauth = OAuthService(
        repository, authenticator, issuer, registry, refresher, mailer, _new_secret
    )
    account_service = AccountService(repository, clock)
    deletion = AccountDeletion(repository, authenticator, account_service, registry, factors)
    registration = RegistrationService(
        repository, passwords, new_id, clock, confirms=mailer.enabled
    )
    emails = EmailService(repository, authenticator, account_service, mailer, clock)
    app_service = AppService(repository, new_id, _new_secret, clock)
    sessions = SessionService(authenticator, issuer, registry, app_service, account_service, mailer)
    password_service = PasswordService(authenticator, passwords, account_service, sessions, mailer)
    service.token_verifier.source = OwnKeySource(signing_keys, repository.revocations)
    consumers.subscribe(service, account_service, deletion, emails, mailer)
    service.on_shutdown(repository.revocations.close)
    return service.create_app(
        apps.create_router(app_service),
        registrations.create_router(registration, oauth, deletion),
        tokens.create_router(oauth),
        sessions_routes.create_router(sessions, password_service),
        *accounts.create_routers(account_service),
        *recovery.create_routers(password_service, emails, mailer, service.settings.public_url),
        second_factor.create_router(factors, password_service, service.settings.public_host),
        keys.create_router(signing_keys, repository.revocations),
        data_export.create_router(repository, registry),
    )


def _new_secret() -> str:
    """Return 256 random bits, safe in a URL."""
    return secrets.token_urlsafe(32)
