"""What a field says of itself: what it is, and whose token may ask for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, TypeVar, cast

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.schema_directive import Location

from services.chassis.security.token_verifier import Caller, check_scopes, check_user
from services.gateway.desk import Desk
from services.gateway.graphql.loaders import Reads
from services.gateway.streaming.channels import Channel
from services.gateway.streaming.messages import News

Listen = Callable[[Channel], AsyncGenerator[News, None]]
"""What is told on a channel from now on."""

Resolver = TypeVar("Resolver", bound=Callable[..., Any])


@dataclass(slots=True)
class Context:
    """What one operation works with."""

    desk: Desk
    caller: Caller | None
    reads: Reads
    hears: Listen | None = None

    def listen(self, channel: Channel) -> AsyncGenerator[News, None]:
        """What is told on a channel from now on, of an operation that came over a socket."""
        if self.hears is None:
            raise TypeError("Only subscriptions listen.")
        return self.hears(channel)

    @property
    def me(self) -> Caller:
        """The caller, where the field has made sure that there is one."""
        return check_user(self.caller)

    async def change(
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
        answer = await self.desk.ask(
            app, path, self.caller, method=method, json=json, params=params, headers=headers
        )
        self.reads.forget()
        return answer


Info = strawberry.Info[Context, None]


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description="A token must cover one of these scopes. `person`: there must be one of a person.",
)
class Requires:
    scopes: list[str]
    person: bool


class Needs(FieldExtension):
    """Lets in whom the REST route of the same thing lets in."""

    def __init__(self, scope: str, *, also: str = "", person: bool = False) -> None:
        self._scopes = [scope, *([also] if also else [])]
        self._person = person

    @property
    def said(self) -> Requires:
        """The same, for the schema."""
        return Requires(scopes=self._scopes, person=self._person)

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
        if caller is not None or self._person:
            check_scopes(caller, *self._scopes)
        if self._person:
            check_user(caller)


def reading(scope: str) -> Needs:
    """Everybody; a token, where there is one, must cover the scope."""
    return Needs(scope)


def signed_in(scope: str, *, also: str = "") -> Needs:
    """People whose token covers a scope."""
    return Needs(scope, also=also, person=True)


def field(description: str, needs: Needs | None = None) -> Callable[[Resolver], Resolver]:
    """A field that is found out when it is asked for."""
    return _declared(strawberry.field, description, needs)


def change(description: str, needs: Needs) -> Callable[[Resolver], Resolver]:
    """A field of the mutation."""
    return _declared(strawberry.mutation, description, needs)


def listening(description: str, needs: Needs) -> Callable[[Resolver], Resolver]:
    """A field of the subscription."""
    return _declared(strawberry.subscription, description, needs)


def _declared(
    kind: Callable[..., Any], description: str, needs: Needs | None
) -> Callable[[Resolver], Resolver]:
    def make(resolver: Resolver) -> Resolver:
        made = kind(
            resolver=resolver,
            description=description,
            extensions=[needs] if needs else [],
            directives=[needs.said] if needs else [],
        )
        return cast(Resolver, made)

    return make
