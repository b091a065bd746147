"""Application, CredentialApplication, Token."""

from __future__ import annotations

from typing import Any

from services.contracts.logins import App, Token

Entity = dict[str, Any]


def application(source: App) -> Entity:
    """The entity Application."""
    return {
        "id": source.id,
        "name": source.name,
        "website": source.website or None,
        "scopes": source.scopes.split(),
        "redirect_uri": "\n".join(source.redirect_uris),
        "redirect_uris": source.redirect_uris,
        "vapid_key": "",
    }


def credential_application(source: App) -> Entity:
    """The entity CredentialApplication: the only response with the client secret."""
    return application(source) | {
        "client_id": source.client_id,
        "client_secret": source.client_secret,
        "client_secret_expires_at": 0,
    }


def token(source: Token) -> Entity:
    """The entity Token. Only a token that can be refreshed says when it ends."""
    entity: Entity = {
        "access_token": source.access_token,
        "token_type": source.token_type,
        "scope": source.scope,
        "created_at": source.created_at,
    }
    if source.refresh_token:
        entity |= {"refresh_token": source.refresh_token, "expires_in": source.expires_in}
    return entity
