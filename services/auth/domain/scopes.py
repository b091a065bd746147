"""Which scopes an app and a user get. The list is that of the Mastodon client API.

<https://docs.joinmastodon.org/api/oauth-scopes/>, and `shop` for selling and buying.
"""

from __future__ import annotations

from services.auth.domain.errors import InvalidScope
from services.auth.domain.refresh_tokens import OFFLINE_SCOPE
from services.contracts.scopes import SCOPES
from services.shared.scopes import covers

KNOWN_SCOPES = frozenset(SCOPES) | {"push", "write:filters", "write:lists", OFFLINE_SCOPE}
"""The scopes with an effect, and scopes without one that clients usually request."""

DEFAULT_SCOPE = "read"
SESSION_SCOPE = "read:exports"
"""The scope of an archive session. Apps cannot request it; `read` covers it."""

WEB_APP_SCOPES = "read write follow push admin:read admin:write"
"""The scopes of the web app: all there are, since these cover the finer ones."""


def parse_scopes(text: str) -> list[str]:
    """Return the scopes in a text, each once, in their order.

    Clients may request `admin` and `crypto`, which are never granted. That is no error: the
    response says which scopes were granted (RFC 6749, 3.3).
    """
    wanted = list(dict.fromkeys(text.split()))
    unknown = [
        scope for scope in wanted if scope not in KNOWN_SCOPES and not _is_never_granted(scope)
    ]
    if unknown:
        raise InvalidScope(f'The scope "{unknown[0][:60]}" does not exist.')
    given = [scope for scope in wanted if scope in KNOWN_SCOPES]
    if wanted and not given:
        raise InvalidScope(f'The scope "{wanted[0][:60]}" is never granted.')
    return given


def grant_scopes(wanted: str, held: str) -> str:
    """Return the scopes that a token gets. No request means `read`, or all if the app lacks `read`.

    Raises `InvalidScope` for a scope that the app lacks, except for `admin:...`, which is left out.
    """
    ceiling = held.split()
    asked = parse_scopes(wanted) or ([DEFAULT_SCOPE] if covers(ceiling, DEFAULT_SCOPE) else ceiling)
    given = [scope for scope in asked if covers(ceiling, scope)]
    beyond = [scope for scope in asked if scope not in given]
    if beyond and not (given and all(map(_is_admin_scope, beyond))):
        raise InvalidScope(f'The app is not registered for the scope "{beyond[0]}".')
    return " ".join(given)


def restrict_scopes(granted: str, *, to_admin: bool) -> str:
    """Return the scopes that a user may get: `admin:...` for admins only. Raises `InvalidScope`."""
    given = [scope for scope in granted.split() if to_admin or not _is_admin_scope(scope)]
    if not given:
        raise InvalidScope("These scopes are for admins only.")
    return " ".join(given)


def _is_admin_scope(scope: str) -> bool:
    return scope.startswith("admin:")


def _is_never_granted(scope: str) -> bool:
    return scope == "crypto" or scope == "admin" or scope.startswith("admin:")
