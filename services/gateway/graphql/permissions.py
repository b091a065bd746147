"""What a field says of itself: what it is, and whose token may ask for it."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isawaitable
from typing import Any, TypeVar, cast

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.schema_directive import Location

from services.chassis.security.caller import Caller
from services.chassis.security.guards import check_scopes, check_user
from services.gateway.graphql.context import Info

Resolver = TypeVar("Resolver", bound=Callable[..., Any])


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description="A token must cover one of these scopes. `person`: there must be one of a person.",
)
class Requires:
    scopes: list[str]
    person: bool


class RequiredScope(FieldExtension):
    """Lets in whom the REST route of the same thing lets in."""

    def __init__(self, scope: str, *, also: str = "", person: bool = False) -> None:
        self._scopes = [scope, *([also] if also else [])]
        self._needs_user = person

    @property
    def directive(self) -> Requires:
        """The same, for the schema."""
        return Requires(scopes=self._scopes, person=self._needs_user)

    def resolve(self, next_: Any, source: Any, info: Info, **given: Any) -> Any:
        """Check, then go on."""
        self._check(info.context.caller)
        return next_(source, info, **given)

    async def resolve_async(self, next_: Any, source: Any, info: Info, **given: Any) -> Any:
        """Check, then go on."""
        self._check(info.context.caller)
        found = next_(source, info, **given)
        return await found if isawaitable(found) else found  # what is listened to is not awaited

    def _check(self, caller: Caller | None) -> None:
        if caller is not None or self._needs_user:
            check_scopes(caller, *self._scopes)
        if self._needs_user:
            check_user(caller)


def optional_user(scope: str) -> RequiredScope:
    """Everybody; a token, where there is one, must cover the scope."""
    return RequiredScope(scope)


def require_user(scope: str, *, also: str = "") -> RequiredScope:
    """People whose token covers a scope."""
    return RequiredScope(scope, also=also, person=True)


def field(description: str, needs: RequiredScope | None = None) -> Callable[[Resolver], Resolver]:
    """A field that is found out when it is asked for."""
    return _declared(strawberry.field, description, needs)


def mutation(description: str, needs: RequiredScope) -> Callable[[Resolver], Resolver]:
    """A field of the mutation."""
    return _declared(strawberry.mutation, description, needs)


def subscription(description: str, needs: RequiredScope) -> Callable[[Resolver], Resolver]:
    """A field of the subscription."""
    return _declared(strawberry.subscription, description, needs)


def _declared(
    kind: Callable[..., Any], description: str, needs: RequiredScope | None
) -> Callable[[Resolver], Resolver]:
    def make(resolver: Resolver) -> Resolver:
        made = kind(
            resolver=resolver,
            description=description,
            extensions=[needs] if needs else [],
            directives=[needs.directive] if needs else [],
        )
        return cast(Resolver, made)

    return make
