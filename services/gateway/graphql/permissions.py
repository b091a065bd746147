"""What a field says of itself: what it is, and whose token may ask for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, TypeVar, cast

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.schema_directive import Location

from services.chassis.security.caller import Caller
from services.chassis.security.guards import check_scopes, check_user
from services.gateway.container import Gateway
from services.gateway.graphql.dataloaders import DataLoaders
from services.gateway.streaming.channels import Channel
from services.gateway.streaming.events import StreamEvent

ChannelListener = Callable[[Channel], AsyncGenerator[StreamEvent, None]]
"""What is told on a channel from now on."""

Resolver = TypeVar("Resolver", bound=Callable[..., Any])


@dataclass(slots=True)
class Context:
    """What one operation works with."""

    gateway: Gateway
    caller: Caller | None
    loaders: DataLoaders
    listener: ChannelListener | None = None

    def listen(self, channel: Channel) -> AsyncGenerator[StreamEvent, None]:
        """What is told on a channel from now on, of an operation that came over a socket."""
        if self.listener is None:
            raise TypeError("Only subscriptions listen.")
        return self.listener(channel)

    @property
    def me(self) -> Caller:
        """The caller, where the field has made sure that there is one."""
        return check_user(self.caller)

    async def mutate(
        self,
        app: str,
        path: str,
        *,
        method: str = "POST",
        json: Any = None,
        params: Mapping[str, str] | None = None,
        version: int | None = None,
    ) -> Any:
        """Ask a service for a change; what was read before is not relied on any more.

        `version` is what the caller has seen of what is to change.
        """
        headers = None if version is None else {"if-match": f'"{version}"'}
        answer = await self.gateway.services.ask(
            app, path, self.caller, method=method, json=json, params=params, headers=headers
        )
        self.loaders.clear()
        return answer


Info = strawberry.Info[Context, None]


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
