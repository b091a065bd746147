"""The caller of a route, according to the access token."""

from __future__ import annotations

from dataclasses import dataclass


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
        """Whether the token covers a scope.

        `read` covers `read:statuses`; the old scope `follow` covers follows, blocks and mutes.
        """
        return bool(self.scopes & _covering(scope))


def _covering(scope: str) -> frozenset[str]:
    outer, _, noun = scope.rpartition(":")
    names = {scope, outer}
    if noun in ("follows", "blocks", "mutes"):
        names.add("follow")
    return frozenset(names)
