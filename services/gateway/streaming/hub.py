"""The connections of this process, and the channels to which they listen."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import count

from services.chassis.errors import RateLimited, ServiceError, Unauthenticated
from services.chassis.security.caller import Caller
from services.chassis.security.token_verifier import TokenVerifier
from services.gateway.streaming.channels import Channel
from services.gateway.streaming.connections import StreamConnection, StreamKind
from services.gateway.streaming.events import Names, StreamEvent

TOKEN_CHECK_INTERVAL = 1.0
"""Seconds between two checks of the tokens. Together with the delay until a revocation is known
(`token_verifier.REVOCATION_INTERVAL`), a stream ends within five seconds."""

HEARTBEAT_INTERVAL = 15
"""Seconds between two heartbeats."""

_SHUTDOWN_TIMEOUT = 0.5
"""Seconds in which connections must close when the server stops."""

_NO_EVENTS: Mapping[str, StreamEvent] = {}

log = logging.getLogger(__name__)


class StreamHub:
    """All connections of this process."""

    def __init__(self, identity: TokenVerifier, *, at_most: int, each_at_most: int) -> None:
        self._identity = identity
        self._max_connections = at_most
        self._max_per_user = each_at_most
        self._connections: dict[StreamConnection, int] = {}
        self._connections_by_user: Counter[str] = Counter()
        self._listeners: dict[Channel, dict[StreamConnection, Names]] = {}
        self._numbers = count()
        self._rounds = count()

    def __len__(self) -> int:
        return len(self._connections)

    def open_by_kind(self) -> Counter[StreamKind]:
        """How many connections there are of each kind."""
        return Counter(connection.kind for connection in self._connections)

    def check_capacity(self, user: str) -> None:
        """Raise `RateLimited` if the user may open no more connections."""
        if len(self._connections) >= self._max_connections:
            raise RateLimited("This server has no streams left. Please try again later.")
        if self._connections_by_user[user] >= self._max_per_user:
            raise RateLimited(
                f"You have {self._max_per_user} streams open. Close one before you open another."
            )

    def add(self, connection: StreamConnection) -> None:
        """Add a connection."""
        self._connections[connection] = next(self._numbers) % HEARTBEAT_INTERVAL
        self._connections_by_user[connection.caller.user_id] += 1

    def remove(self, connection: StreamConnection) -> None:
        """Remove a connection."""
        for channel in list(connection.channels):
            self.unsubscribe(connection, channel)
        user = connection.caller.user_id
        del self._connections[connection]
        self._connections_by_user[user] -= 1
        if not self._connections_by_user[user]:
            del self._connections_by_user[user]

    def subscribe(self, connection: StreamConnection, channel: Channel, names: Names) -> None:
        """Subscribe a connection to a channel."""
        connection.channels[channel] = names
        self._listeners.setdefault(channel, {})[connection] = names

    def unsubscribe(self, connection: StreamConnection, channel: Channel) -> None:
        """Unsubscribe a connection from a channel."""
        if connection.channels.pop(channel, None) is None:
            return
        listeners = self._listeners[channel]
        del listeners[connection]
        if not listeners:
            del self._listeners[channel]

    def has_listeners(self, channel: Channel) -> bool:
        """Whether a connection listens to a channel."""
        return channel in self._listeners

    def listened_arguments(self, stream: str) -> list[str]:
        """The arguments of the channels of a stream that have listeners."""
        return [argument for name, argument in self._listeners if name == stream]

    def listening_users(self, channels: Iterable[Channel]) -> set[str]:
        """The users that listen to any of these channels."""
        return {
            connection.caller.user_id
            for channel in channels
            for connection in self._listeners.get(channel, ())
        }

    def publish(
        self,
        channel: Channel,
        event: StreamEvent,
        *,
        but: Collection[str] = (),
        scope: str = "",
        own: Mapping[str, StreamEvent] = _NO_EVENTS,
    ) -> None:
        """Send an event to a channel, except to users in `but` and tokens without the scope.

        `own` has the events of users for whom it looks different.
        """
        for connection, names in list(self._listeners.get(channel, {}).items()):
            caller = connection.caller
            if caller.user_id not in but and (not scope or caller.may(scope)):
                connection.deliver(own.get(caller.user_id, event), names)

    def channels(self) -> list[Channel]:
        """All channels with listeners."""
        return list(self._listeners)

    def listening_caller(self, channels: Iterable[Channel], scope: str) -> Caller | None:
        """A caller that listens to one of these channels with a token that covers the scope."""
        for channel in channels:
            for connection in self._listeners.get(channel, ()):
                if connection.caller.may(scope):
                    return connection.caller
        return None

    def close_user(self, user: str) -> None:
        """Close all connections of a user."""
        if user in self._connections_by_user:
            for connection in list(self._connections):
                if connection.caller.user_id == user:
                    connection.close()

    def stop(self) -> None:
        """Close all connections when the server stops, and abort those that stay open."""
        for connection in list(self._connections):
            connection.close()
        if self._connections:
            asyncio.get_running_loop().call_later(_SHUTDOWN_TIMEOUT, self._abort_all)

    def _abort_all(self) -> None:
        for connection in list(self._connections):
            connection.abort()

    async def __aenter__(self) -> StreamHub:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Abort the connections that are still open."""
        self._abort_all()

    async def maintain(self) -> None:
        """Send the heartbeats that are due, and close connections with revoked tokens."""
        self._send_heartbeats(next(self._rounds) % HEARTBEAT_INTERVAL)
        await self.check_tokens()

    def _send_heartbeats(self, turn: int) -> None:
        for connection, own in list(self._connections.items()):
            if own == turn:
                connection.heartbeat()

    async def check_tokens(self) -> None:
        """Close connections whose token is no longer valid. Costs no call: see `TokenVerifier`."""
        tokens = {connection.caller.token for connection in self._connections}
        try:
            bad = {token for token in tokens if not await self._is_good(token)}
        except ServiceError as failure:
            log.warning(
                "the tokens of streams could not be checked", extra={"why": failure.message}
            )
            return
        for connection in list(self._connections) if bad else ():
            if connection.caller.token in bad:
                connection.close()

    async def _is_good(self, token: str) -> bool:
        try:
            await self._identity.verify(token)
        except Unauthenticated:
            return False
        return True
