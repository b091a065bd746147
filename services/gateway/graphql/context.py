"""The context of one GraphQL operation."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import strawberry

from services.chassis.security.caller import Caller
from services.chassis.security.guards import check_user
from services.clients.services import ServiceClients
from services.gateway.container import Gateway
from services.gateway.graphql.dataloaders import ChangeInvoker, DataLoaders
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
    reads: ServiceClients = field(init=False)
    """Clients for reads. Requests of one level are batched, and responses cached."""
    changes: ServiceClients = field(init=False)
    """Clients for changes, which clear the cached responses."""

    def __post_init__(self) -> None:
        self.reads = ServiceClients(self.loaders)
        self.changes = ServiceClients(ChangeInvoker(self.gateway.invoker, self.loaders))

    def listen(self, channel: Channel) -> AsyncGenerator[StreamEvent, None]:
        """The events of a channel from now on, for a subscription."""
        if self.listener is None:
            raise TypeError("Only subscriptions can listen to a channel.")
        return self.listener(channel)

    @property
    def me(self) -> Caller:
        """The signed-in user. Raises `Unauthenticated`."""
        return check_user(self.caller)


Info = strawberry.Info[Context, None]
