"""Who calls: what an access token says of its holder."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose token is good. `user_id` is empty for an app that acts for nobody."""

    user_id: str
    client_id: str
    token_id: str
    scopes: frozenset[str]
    token: str
    username: str = ""

    def may(self, scope: str) -> bool:
        """Whether a scope is covered: `read` covers `read:statuses`; `follow` its old three."""
        return bool(self.scopes & _covering(scope))


def _covering(scope: str) -> frozenset[str]:
    outer, _, noun = scope.rpartition(":")
    names = {scope, outer}
    if noun in ("follows", "blocks", "mutes"):
        names.add("follow")
    return frozenset(names)
