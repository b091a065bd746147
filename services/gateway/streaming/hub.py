"""Who is connected, and listens to what."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import count

from services.chassis.errors import RateLimited, ServiceError, Unauthenticated
from services.chassis.security.token_verifier import Caller, TokenVerifier
from services.gateway.streaming.channels import Channel
from services.gateway.streaming.connections import Connection
from services.gateway.streaming.messages import Names, News

CHECKED = 1.0
"""Seconds between two looks at the tokens. With the time that it takes until a revoked one is
known (`identity.FOLLOW`), streams end within five."""

BEAT = 15
"""Seconds between two heartbeats."""

_PATIENCE = 0.5
"""Seconds that connections have to end in good order when the server stops."""

_NOBODYS: Mapping[str, News] = {}

log = logging.getLogger(__name__)


class Hub:
    """All connections of this process."""

    def __init__(self, identity: TokenVerifier, *, at_most: int, each_at_most: int) -> None:
        self._identity = identity
        self._at_most = at_most
        self._each_at_most = each_at_most
        self._connections: dict[Connection, int] = {}
        self._people: Counter[str] = Counter()
        self._listeners: dict[Channel, dict[Connection, Names]] = {}
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._connections)

    def check_room(self, user: str) -> None:
        """Raise where one more connection of somebody would be too many."""
        if len(self._connections) >= self._at_most:
            raise RateLimited("All streams of this server are taken. Please try again later.")
        if self._people[user] >= self._each_at_most:
            raise RateLimited(
                f"You have {self._each_at_most} streams open, which is as many as may be."
            )

    def enter(self, connection: Connection) -> None:
        """Take a connection in."""
        self._connections[connection] = next(self._numbers) % BEAT
        self._people[connection.caller.user_id] += 1

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""
        for channel in list(connection.channels):
            self.unsubscribe(connection, channel)
        user = connection.caller.user_id
        del self._connections[connection]
        self._people[user] -= 1
        if not self._people[user]:
            del self._people[user]

    def subscribe(self, connection: Connection, channel: Channel, names: Names) -> None:
        """Have a connection listen to a channel."""
        connection.channels[channel] = names
        self._listeners.setdefault(channel, {})[connection] = names

    def unsubscribe(self, connection: Connection, channel: Channel) -> None:
        """Have it listen no more."""
        if connection.channels.pop(channel, None) is None:
            return
        listeners = self._listeners[channel]
        del listeners[connection]
        if not listeners:
            del self._listeners[channel]

    def listens(self, channel: Channel) -> bool:
        """Whether anybody listens to a channel."""
        return channel in self._listeners

    def arguments(self, stream: str) -> list[str]:
        """Those whose own channel of a kind somebody listens to."""
        return [argument for name, argument in self._listeners if name == stream]

    def people(self, channels: Iterable[Channel]) -> set[str]:
        """Who listens to any of some channels."""
        return {
            connection.caller.user_id
            for channel in channels
            for connection in self._listeners.get(channel, ())
        }

    def tell(
        self,
        channel: Channel,
        news: News,
        *,
        but: Collection[str] = (),
        scope: str = "",
        own: Mapping[str, News] = _NOBODYS,
    ) -> None:
        """Tell all who listen to a channel, but for some people, and tokens that lack a scope.

        Those to whom the news looks otherwise are told their `own`.
        """
        for connection, names in list(self._listeners.get(channel, {}).items()):
            caller = connection.caller
            if caller.user_id not in but and (not scope or caller.may(scope)):
                connection.tell(own.get(caller.user_id, news), names)

    def channels(self) -> list[Channel]:
        """All channels that anybody listens to."""
        return list(self._listeners)

    def caller_of(self, channels: Iterable[Channel], scope: str) -> Caller | None:
        """Somebody who listens to one of some channels with a token that covers a scope."""
        for channel in channels:
            for connection in self._listeners.get(channel, ()):
                if connection.caller.may(scope):
                    return connection.caller
        return None

    def end_person(self, user: str) -> None:
        """End all that somebody listens to."""
        if user in self._people:
            for connection in list(self._connections):
                if connection.caller.user_id == user:
                    connection.end()

    def stop(self) -> None:
        """End everything, since the server stops; who does not take it is cut off."""
        for connection in list(self._connections):
            connection.end()
        if self._connections:
            asyncio.get_running_loop().call_later(_PATIENCE, self._cut_all)

    def _cut_all(self) -> None:
        for connection in list(self._connections):
            connection.cut()

    async def watch(self) -> None:
        """End what has lost its right, and say now and then that all is well; for ever."""
        try:
            for second in count():
                await asyncio.sleep(CHECKED)
                self._beat(second % BEAT)
                await self.check_tokens()
        finally:
            self._cut_all()

    def _beat(self, turn: int) -> None:
        for connection, own in list(self._connections.items()):
            if own == turn:
                connection.thump()

    async def check_tokens(self) -> None:
        """End the connections whose token is good no more. Asks nobody: see `TokenVerifier`."""
        tokens = {connection.caller.token for connection in self._connections}
        try:
            bad = {token for token in tokens if not await self._is_good(token)}
        except ServiceError as failure:
            log.warning("could not check the tokens of streams", extra={"why": failure.message})
            return
        for connection in list(self._connections) if bad else ():
            if connection.caller.token in bad:
                connection.end()

    async def _is_good(self, token: str) -> bool:
        try:
            await self._identity.verify(token)
        except Unauthenticated:
            return False
        return True
