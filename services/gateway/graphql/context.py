"""The context of one GraphQL operation."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import strawberry

from services.chassis.security.caller import Caller
from services.chassis.security.guards import check_user
from services.gateway.container import Gateway
from services.gateway.graphql.dataloaders import DataLoaders
from services.gateway.streaming.channels import Channel
from services.gateway.streaming.events import StreamEvent

if TYPE_CHECKING:
    from services.gateway.graphql.resolvers import Resolvers

ChannelListener = Callable[[Channel], AsyncGenerator[StreamEvent, None]]
"""Yields the events of a channel from now on."""


@dataclass(slots=True)
class Context:
    """The caller of an operation, its data loaders and resolvers."""

    gateway: Gateway
    caller: Caller | None
    loaders: DataLoaders
    listener: ChannelListener | None = None
    resolvers: Resolvers = field(init=False)

    def listen(self, channel: Channel) -> AsyncGenerator[StreamEvent, None]:
        """The events of a channel from now on, for a subscription."""
        if self.listener is None:
            raise TypeError("Only subscriptions can listen to a channel.")
        return self.listener(channel)

    @property
    def me(self) -> Caller:
        """The signed-in user. Raises `Unauthenticated`."""
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
