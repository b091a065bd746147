"""Declarations of fields: their descriptions, and the scopes that they require."""

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
    description="A token must cover one of these scopes. `person`: it must be a user's token.",
)
class Requires:
    scopes: list[str]
    person: bool


class RequiredScope(FieldExtension):
    """Requires the scopes that the REST route of the same data requires."""

    def __init__(self, scope: str, *, also: str = "", person: bool = False) -> None:
        self._scopes = [scope, *([also] if also else [])]
        self._needs_user = person

    @property
    def directive(self) -> Requires:
        """The directive in the schema."""
        return Requires(scopes=self._scopes, person=self._needs_user)

    def resolve(self, next_: Any, source: Any, info: Info, **given: Any) -> Any:
        """Check the caller, then resolve the field."""
        self._check(info.context.caller)
        return next_(source, info, **given)

    async def resolve_async(self, next_: Any, source: Any, info: Info, **given: Any) -> Any:
        """Check the caller, then resolve the field."""
        self._check(info.context.caller)
        found = next_(source, info, **given)
        return (
            await found if isawaitable(found) else found
        )  # a subscription returns an async generator

    def _check(self, caller: Caller | None) -> None:
        if caller is not None or self._needs_user:
            check_scopes(caller, *self._scopes)
        if self._needs_user:
            check_user(caller)


def optional_user(scope: str) -> RequiredScope:
    """Public; a token, if there is one, must cover the scope."""
    return RequiredScope(scope)


def require_user(scope: str, *, also: str = "") -> RequiredScope:
    """Users whose token covers a scope."""
    return RequiredScope(scope, also=also, person=True)


def field(description: str, needs: RequiredScope | None = None) -> Callable[[Resolver], Resolver]:
    """A resolved field."""
    return _declared(strawberry.field, description, needs)


def mutation(description: str, needs: RequiredScope) -> Callable[[Resolver], Resolver]:
    """A field of the mutation type."""
    return _declared(strawberry.mutation, description, needs)


def subscription(description: str, needs: RequiredScope) -> Callable[[Resolver], Resolver]:
    """A field of the subscription type."""
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
