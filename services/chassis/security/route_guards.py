"""Admits to each route the callers that the access file names, and nobody else.

The caller is checked before the body is read. That costs a lookup of the rule and one of the
caller. Guards of users (`guards.py`) come after it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from services.chassis.errors import Forbidden, ServiceError, Unauthenticated
from services.chassis.metrics import RequestRecord
from services.chassis.security.access_rules import (
    ACCESS_FILE,
    HEALTH_ROUTES,
    METRICS_ROUTES,
    METRICS_SECRET,
    OPERATOR_HEADER,
    OPERATOR_SECRET,
    ServiceAccess,
)
from services.chassis.security.audit import security_event
from services.chassis.security.token_hash import TokenHashVerifier

CALLING_APP = "microgram.calling_app"
"""The key in the ASGI scope of the caller: see `CallingApp`."""

CallingApp = str | None
"""The app-id that the sidecar proves; `OWN_SIDECAR`; or `OUTSIDE` for whoever is no sidecar."""

OWN_SIDECAR: CallingApp = ""
OUTSIDE: CallingApp = None

_ANYBODY: frozenset[CallingApp] = frozenset({OUTSIDE, OWN_SIDECAR})
_OPERATOR_HEADER = OPERATOR_HEADER.encode()

METRICS_SECRET_MAX_AGE = 300.0
"""Seconds for which the hash of the scraper's token is kept: a scrape costs no call."""


class AccessMismatch(RuntimeError):
    """The service and the access file disagree. The message says what to change."""


@dataclass(frozen=True, slots=True)
class RouteRule:
    """Who may call a route; those of the operator and the scraper only with a token of theirs."""

    callers: frozenset[CallingApp]
    is_for_operator: bool = False
    is_for_scraper: bool = False

    @property
    def needs_token(self) -> bool:
        return self.is_for_operator or self.is_for_scraper


Refusal = Literal["no_token", "not_named", "not_the_operator", "not_the_scraper", "several_names"]

_REFUSALS: Mapping[Refusal, tuple[type[ServiceError], str]] = {
    "no_token": (Unauthenticated, "This route is for the sidecar. Call it through Dapr."),
    "not_named": (Forbidden, "The access file does not name the caller for this route."),
    "not_the_operator": (Forbidden, "This route is for the operator: use ./tye-like-run.sh."),
    "not_the_scraper": (Unauthenticated, "This route is for whoever has the token of metrics."),
    "several_names": (Forbidden, "The caller has more than one name, or an empty one."),
}

_PUBLIC = RouteRule(_ANYBODY)
_CLOSED = RouteRule(frozenset())


def rules_of(access: ServiceAccess) -> dict[str, RouteRule]:
    """The rule of each route that the access file names, or that every service has."""
    from_outside = _ANYBODY if access.is_public else frozenset()
    own = frozenset({OWN_SIDECAR})
    return {
        **{route: RouteRule(callers | from_outside) for route, callers in access.calls.items()},
        **dict.fromkeys(access.event_routes, RouteRule(own)),
        **dict.fromkeys(access.operator, RouteRule(own, is_for_operator=True)),
        **{r: RouteRule(_ANYBODY | access.calls.get(r, frozenset())) for r in HEALTH_ROUTES},
        **dict.fromkeys(METRICS_ROUTES, RouteRule(_ANYBODY, is_for_scraper=True)),
    }


def guard_routes(
    routes: Sequence[BaseRoute],
    access: ServiceAccess,
    read_secret: Callable[[str], Awaitable[str]],
) -> None:
    """Put its rule before each route. The rest of a public service's routes are for everybody.

    `read_secret` gives the hashes of the tokens of the operator and the scraper. Raises
    `AccessMismatch` for a route without a rule, and for a rule without a route.
    """
    rules = rules_of(access)
    verifiers = _Verifiers(
        TokenHashVerifier(read_secret, OPERATOR_SECRET),
        TokenHashVerifier(read_secret, METRICS_SECRET, METRICS_SECRET_MAX_AGE),
    )
    fallback = _PUBLIC if access.is_public else _CLOSED
    known = [route for route in routes if isinstance(route, Route | WebSocketRoute)]
    if len(known) < len(routes) and not access.is_public:
        raise AccessMismatch(f"{access.name} mounts an app, for which there can be no rule.")
    check_routes({name for route in known for name in names_of(route)}, rules, access)
    for route in known:
        by_method = {name.partition(" ")[0]: rules.get(name, fallback) for name in names_of(route)}
        route.app = _guarded(route.app, route.path, by_method, fallback, verifiers)


def names_of(route: Route | WebSocketRoute) -> list[str]:
    """A route as the access file names it, once for each method."""
    methods = getattr(route, "methods", None) or ()
    return [f"{method} {route.path}" for method in sorted(methods) if method != "HEAD"]


def check_routes(names: set[str], rules: Mapping[str, RouteRule], access: ServiceAccess) -> None:
    """Compare the routes of a service with its rules. Raises `AccessMismatch`."""
    place = f"services.{access.name}"
    faults = [f'"{name}" is no route: take it out of {place}' for name in rules.keys() - names]
    if not access.is_public:
        faults += [
            f'"{name}" has no rule: add it to {place}.calls with its callers, or to '
            f"{place}.operator"
            for name in names - rules.keys()
        ]
    raise_mismatch(faults)


def check_topics(published: set[str], subscribed: set[str], access: ServiceAccess) -> None:
    """Compare the topics of a service with the access file. Raises `AccessMismatch`."""
    faults = []
    for key, wanted, named in (
        ("publishes", published, access.publishes),
        ("subscribes", subscribed, access.subscribes),
    ):
        place = f"services.{access.name}.{key}"
        faults += [f'the topic "{topic}" is missing: add it to {place}' for topic in wanted - named]
        faults += [
            f'the topic "{topic}" is unused: take it out of {place}' for topic in named - wanted
        ]
    raise_mismatch(faults)


def raise_mismatch(faults: list[str]) -> None:
    """Raise `AccessMismatch` if there are faults."""
    if faults:
        raise AccessMismatch("\n".join([f"{ACCESS_FILE}:", *sorted(faults)]))


@dataclass(frozen=True, slots=True)
class _Verifiers:
    """Who checks the tokens of callers that are no service."""

    operator: TokenHashVerifier
    scraper: TokenHashVerifier

    async def check(self, rule: RouteRule, scope: Scope) -> Refusal | None:
        """Why a request may not pass, as far as its rule asks for a token."""
        if rule.is_for_operator and not await self.operator.verify(_operator_token(scope)):
            return "not_the_operator"
        if rule.is_for_scraper and not await self.scraper.verify(_bearer_token(scope)):
            return "not_the_scraper"
        return None


def _guarded(
    app: ASGIApp,
    path: str,
    rules: Mapping[str, RouteRule],
    fallback: RouteRule,
    verifiers: _Verifiers,
) -> ASGIApp:
    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if (record := scope.get(RequestRecord.KEY)) is not None:
            record.route = path
        rule = rules.get(scope.get("method", ""), fallback)
        caller = scope[CALLING_APP]
        if caller not in rule.callers:
            raise refuse(caller, path, "no_token" if caller is OUTSIDE else "not_named")
        if rule.needs_token and (reason := await verifiers.check(rule, scope)):
            raise refuse(caller, path, reason)
        await app(scope, receive, send)

    return guarded


def _operator_token(scope: Scope) -> bytes:
    return _only(scope, _OPERATOR_HEADER)


def _bearer_token(scope: Scope) -> bytes:
    kind, _, token = _only(scope, b"authorization").partition(b" ")
    return token if kind.lower() == b"bearer" else b""


def _only(scope: Scope, header: bytes) -> bytes:
    """The value of a header that a request has exactly once."""
    given: list[Any] = [value for name, value in scope["headers"] if name == header]
    return given[0] if len(given) == 1 else b""


def refuse(caller: CallingApp, path: str, reason: Refusal) -> ServiceError:
    """Log that a call is refused, and return the error to raise."""
    security_event("service_call_refused", caller=caller or "", route=path, reason=reason)
    kind, message = _REFUSALS[reason]
    return kind(message)
