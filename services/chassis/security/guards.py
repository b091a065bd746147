"""Guards of users: FastAPI dependencies that admit the holders of tokens or refuse them.

Which services may call a route is in the access file (`route_guards.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from starlette.requests import HTTPConnection

from services.chassis import telemetry
from services.chassis.errors import Forbidden, Unauthenticated
from services.chassis.security.caller import Caller
from services.chassis.security.token_verifier import TokenVerifier

UserGuard = Callable[[HTTPConnection], Awaitable[Caller]]
OptionalUserGuard = Callable[[HTTPConnection], Awaitable[Caller | None]]
G = TypeVar("G", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class TokenNeed:
    """What a guard asks of a token: one of the scopes; nothing if there need not be a token."""

    scopes: tuple[str, ...]
    is_optional: bool = False


_needs: WeakKeyDictionary[Callable[..., Any], TokenNeed] = WeakKeyDictionary()


def token_need(dependency: Callable[..., Any]) -> TokenNeed | None:
    """What a dependency of a route asks of a token, if it is a guard: for documents and tests."""
    return _needs.get(dependency)


def with_token_need(guard: G, *scopes: str, is_optional: bool = False) -> G:
    """The guard, with what it asks of a token declared."""
    _needs[guard] = TokenNeed(scopes, is_optional)
    return guard


def bearer_token(request: HTTPConnection) -> str:
    """The bearer token of a request, or an empty string."""
    return token_of(request.headers.get("authorization", ""))


def token_of(authorization: str) -> str:
    """The bearer token of such a header, or an empty string."""
    kind, _, token = authorization.partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


async def _identify(request: HTTPConnection) -> Caller | None:
    token = bearer_token(request)
    if not token:
        return None
    verifier: TokenVerifier = request.app.state.token_verifier
    caller = await verifier.verify(token)
    telemetry.current().user_id = caller.user_id
    return caller


@cache
def require_token(*scopes: str) -> UserGuard:
    """Require a token with one of the scopes; it may belong to an app without a user."""

    async def guard(request: HTTPConnection) -> Caller:
        return check_scopes(await _identify(request), *scopes)

    return with_token_need(guard, *scopes)


@cache
def require_user(*scopes: str) -> UserGuard:
    """Require a user whose token covers one of the scopes."""
    check = require_token(*scopes)

    async def guard(request: HTTPConnection) -> Caller:
        return check_user(await check(request))

    return with_token_need(guard, *scopes)


async def require_user_of_any_scope(request: HTTPConnection) -> Caller:
    """A guard: require a user with any valid token. The route checks the scopes itself."""
    return check_user(await _identify(request))


async def optional_user_of_any_scope(request: HTTPConnection) -> Caller | None:
    """A guard: admit everybody, but refuse an invalid token. The route checks the scopes itself."""
    return await _identify(request)


def check_scopes(caller: Caller | None, *scopes: str) -> Caller:
    """The caller, if their token covers one of the scopes.

    Raises `Unauthenticated` or `Forbidden`.
    """
    if caller is None:
        raise Unauthenticated("This needs an access token.")
    if not any(caller.may(scope) for scope in scopes):
        raise Forbidden(f"The access token does not cover the scope {scopes[0]}.")
    return caller


def check_user(caller: Caller | None) -> Caller:
    """The caller, if they are a user and not only an app. Raises `Unauthenticated`."""
    if caller is None:
        raise Unauthenticated("This needs an access token.")
    if not caller.user_id:
        raise Unauthenticated("This needs the access token of a user.", code="no_user")
    return caller


@cache
def optional_user(scope: str) -> OptionalUserGuard:
    """Admit everybody; a token, if there is one, must be valid and cover the scope."""
    check = require_token(scope)

    async def guard(request: HTTPConnection) -> Caller | None:
        return await check(request) if bearer_token(request) else None

    return with_token_need(guard, scope, is_optional=True)
