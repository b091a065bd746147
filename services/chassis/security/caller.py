"""The caller of a route, according to the access token."""

from __future__ import annotations

from dataclasses import dataclass

from services.shared.scopes import covers


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a valid token. `user_id` is empty for an app that acts for no user."""

    user_id: str
    client_id: str
    token_id: str
    scopes: frozenset[str]
    token: str
    username: str = ""

    def may(self, scope: str) -> bool:
        """Whether the token covers a scope."""
        return covers(self.scopes, scope)
