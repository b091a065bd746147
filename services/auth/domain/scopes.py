"""Scopes: what there is, and what covers what. The list is the Mastodon client API's.

<https://docs.joinmastodon.org/api/oauth-scopes/>, and `shop` for what people sell and buy.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.auth.domain.errors import InvalidScope
from services.contracts.scopes import SCOPES

_FOLLOW_SCOPE_NOUNS = ("blocks", "follows", "mutes")

KNOWN_SCOPES = frozenset(SCOPES) | {"push", "write:filters", "write:lists"}
"""Those that are good for something, and those that clients ask for as a matter of course."""

DEFAULT_SCOPE = "read"
SESSION_SCOPE = "read:exports"
"""What a session is for. No app can ask for it; `read` covers it."""


def parse_scopes(text: str) -> list[str]:
    """The scopes in a text, each once, in their order.

    Clients ask for all of `admin` (and, older ones, for `crypto`) on the chance of getting it.
    Nobody does, but to ask is no error: the answer says which scopes were given (RFC 6749, 3.3).
    """
    wanted = list(dict.fromkeys(text.split()))
    unknown = [
        scope for scope in wanted if scope not in KNOWN_SCOPES and not _is_never_granted(scope)
    ]
    if unknown:
        raise InvalidScope(f"There is no scope «{unknown[0][:60]}».")
    given = [scope for scope in wanted if scope in KNOWN_SCOPES]
    if wanted and not given:
        raise InvalidScope(f"The scope «{wanted[0][:60]}» is not given to anybody.")
    return given


def grant_scopes(wanted: str, held: str) -> str:
    """What of an app's scopes a token gets. An empty wish is `read`, or all where that is not held.

    Raises `InvalidScope` where more is wanted than is held; `admin:…` is just not given then.
    """
    ceiling = held.split()
    asked = parse_scopes(wanted) or ([DEFAULT_SCOPE] if covers(ceiling, DEFAULT_SCOPE) else ceiling)
    given = [scope for scope in asked if covers(ceiling, scope)]
    beyond = [scope for scope in asked if scope not in given]
    if beyond and not (given and all(map(_is_admin_scope, beyond))):
        raise InvalidScope(f"The app is not registered for the scope «{beyond[0]}».")
    return " ".join(given)


def restrict_scopes(granted: str, *, to_admin: bool) -> str:
    """What of some scopes is for somebody: `admin:…` for admins only. Raises `InvalidScope`."""
    given = [scope for scope in granted.split() if to_admin or not _is_admin_scope(scope)]
    if not given:
        raise InvalidScope("These scopes are for admins only.")
    return " ".join(given)


def covers(held: Iterable[str], scope: str) -> bool:
    """Whether a scope is held, by itself or within a coarser one."""
    outer, _, noun = scope.rpartition(":")
    return any(h in (scope, outer) or (h == "follow" and noun in _FOLLOW_SCOPE_NOUNS) for h in held)


def _is_admin_scope(scope: str) -> bool:
    return scope.startswith("admin:")


def _is_never_granted(scope: str) -> bool:
    return scope == "crypto" or scope == "admin" or scope.startswith("admin:")
