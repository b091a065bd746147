"""Guards of routes: FastAPI dependencies that admit callers or refuse them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from starlette.requests import HTTPConnection

from services.chassis import telemetry
from services.chassis.errors import Forbidden, Unauthenticated
from services.chassis.security.audit import security_event
from services.chassis.security.caller import Caller
from services.chassis.security.token_verifier import TokenVerifier

UserGuard = Callable[[HTTPConnection], Awaitable[Caller]]
OptionalUserGuard = Callable[[HTTPConnection], Awaitable[Caller | None]]


def bearer_token(request: HTTPConnection) -> str:
    """The bearer token of a request, or an empty string."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


async def _identify(request: HTTPConnection) -> Caller | None:
    token = bearer_token(request)
    if not token:
        return None
    verifier: TokenVerifier = request.app.state.token_verifier
    caller = await verifier.verify(token)
    telemetry.current().user_id = caller.user_id
    return caller


def require_token(*scopes: str) -> UserGuard:
    """Require a token with one of the scopes; it may belong to an app without a user."""

    async def guard(request: HTTPConnection) -> Caller:
        return check_scopes(await _identify(request), *scopes)

    return guard


def require_user(*scopes: str, also_for: Collection[str] = ()) -> UserGuard:
    """Require a user whose token covers one of the scopes.

    The services in `also_for` may call the route for a user with any token.
    """
    check = require_token(*scopes)

    async def guard(request: HTTPConnection) -> Caller:
        is_exempt = request.headers.get("dapr-caller-app-id") in also_for
        caller = await _identify(request) if is_exempt else None
        return check_user(caller or await check(request))

    return guard


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


def optional_user(scope: str) -> OptionalUserGuard:
    """Admit everybody; a token, if there is one, must be valid and cover the scope."""
    check = require_token(scope)

    async def guard(request: HTTPConnection) -> Caller | None:
        return await check(request) if bearer_token(request) else None

    return guard


def require_service(*apps: str) -> Callable[[HTTPConnection], Awaitable[None]]:
    """Require one of these services as the caller; the sidecar proves its app id."""

    async def guard(request: HTTPConnection) -> None:
        caller = request.headers.get("dapr-caller-app-id", "")
        if caller not in apps:
            raise refuse_call(request, f'This route is for {", ".join(apps)}, not for "{caller}".')

    return guard


async def require_any_service(request: HTTPConnection) -> None:
    """A guard: require any service as the caller; its sidecar proves its app id."""
    if not request.headers.get("dapr-caller-app-id"):
        raise refuse_call(request, "This route is for other services. Call it through a sidecar.")


async def require_own_sidecar(request: HTTPConnection) -> None:
    """A guard: require the operator, who calls through the service's own sidecar."""
    service: str = request.app.state.service.name
    if request.headers.get("dapr-caller-app-id") != service:
        raise refuse_call(
            request,
            f"This route is for the operator. Call it through the sidecar of {service}.",
        )


def refuse_call(request: HTTPConnection, message: str) -> Forbidden:
    """Log that a service may not call a route, and return the error to raise."""
    route = getattr(request.scope.get("route"), "path", "")
    caller = request.headers.get("dapr-caller-app-id", "")
    security_event("service_call_refused", caller=caller, route=route)
    return Forbidden(message)
