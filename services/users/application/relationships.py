"""The relationships that users change: follow, block, mute, note."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from services.chassis.ids import Clock, timestamp, utc_now
from services.users.application.mute_expiry import MuteExpiry
from services.users.domain import edges
from services.users.domain.edges import FollowConditions, FollowOptions, RelationshipEdge
from services.users.domain.profiles import account_not_found
from services.users.domain.relationship_view import RelationshipView, relationship_view
from services.users.repository import Repository, Rows

EdgeChange = Callable[[RelationshipEdge], RelationshipEdge]


class RelationshipService:
    """Changes edges. The edge document decides; lists follow by its event."""

    def __init__(
        self,
        repository: Repository,
        mute_expiry: MuteExpiry,
        new_id: Callable[[], str],
        clock: Clock = utc_now,
    ) -> None:
        self._repository = repository
        self._mute_expiry = mute_expiry
        self._new_id = new_id
        self._clock = clock

    async def follow(self, source: str, target: str, options: FollowOptions) -> RelationshipView:
        """Follow an account, or request to. One read, and the commit."""
        edges.reject_self(source, target, "follow")
        repository = self._repository
        rows = await repository.state.get_many(
            [
                repository.users.key(target),
                repository.edge_key(source, target),
                repository.edge_key(target, source),
                repository.following.heads.key(source),
            ]
        )
        profile = repository.decode_profile(rows, target)
        if profile is None or profile.suspended:
            raise account_not_found()
        reverse = repository.decode_edge(rows, target, source)
        followed = repository.decode_total(rows, "following", source)
        conditions = FollowConditions(profile.locked, reverse.blocking, followed)
        id = self._new_id()
        edge = await self._update_edge(
            source, target, lambda edge: edges.follow(edge, conditions, options, id), rows
        )
        return self._view(edge, reverse)

    async def unfollow(self, source: str, target: str) -> RelationshipView:
        """End a follow, and withdraw a follow request."""
        return await self._change(source, target, edges.unfollow)

    async def block(self, source: str, target: str) -> RelationshipView:
        """Block an account. One read, and the commit."""
        edges.reject_self(source, target, "block")
        id = self._new_id()
        return await self._change_listed(
            source, target, "blocks", lambda edge, blocked: edges.block(edge, id, blocked)
        )

    async def unblock(self, source: str, target: str) -> RelationshipView:
        """End a block."""
        return await self._change(source, target, edges.unblock)

    async def mute(
        self, source: str, target: str, *, notifications: bool, seconds: int
    ) -> RelationshipView:
        """Mute an account for some seconds, or indefinitely (0).

        The expiry is scheduled first, so that a crash cannot lose it.
        """
        edges.reject_self(source, target, "mute")
        until = None
        if seconds:
            end = self._clock() + timedelta(seconds=seconds)
            until = timestamp(end)
            await self._mute_expiry.schedule(end, edges.edge_id(source, target))
        id = self._new_id()

        def mute(edge: RelationshipEdge, muted: int) -> RelationshipEdge:
            return edges.mute(edge, id, muted, notifications=notifications, until=until)

        return await self._change_listed(source, target, "mutes", mute)

    async def unmute(self, source: str, target: str) -> RelationshipView:
        """End a mute."""
        return await self._change(source, target, edges.unmute)

    async def annotate(self, source: str, target: str, note: str) -> RelationshipView:
        """Set a private note on an account."""
        id = self._new_id()
        return await self._change(
            source, target, lambda edge: edges.annotate(edge, note, id), must_exist=True
        )

    async def accept(self, target: str, source: str) -> RelationshipView:
        """Accept the follow request of `source`."""
        id = self._new_id()
        return await self._change_incoming(target, source, lambda edge: edges.accept(edge, id))

    async def reject(self, target: str, source: str) -> RelationshipView:
        """Reject the follow request of `source`."""
        return await self._change_incoming(target, source, edges.reject)

    async def remove_follower(self, target: str, source: str) -> RelationshipView:
        """End the follow of `source`, who may follow again."""
        return await self._change_incoming(
            target, source, lambda edge: edges.unfollow(edge) if edge is not None else None
        )

    async def relationships(self, source: str, targets: Iterable[str]) -> list[RelationshipView]:
        """Return the relationships to those accounts that exist. One state call."""
        return (await self.relationships_of({source: targets}))[source]

    async def relationships_of(
        self, targets: Mapping[str, Iterable[str]]
    ) -> dict[str, list[RelationshipView]]:
        """Return the relationships of some users to those accounts that exist. One state call."""
        wanted = {source: list(dict.fromkeys(some)) for source, some in targets.items()}
        repository = self._repository
        rows = await repository.state.get_many(
            [
                key
                for source, some in wanted.items()
                for target in some
                for key in (
                    repository.users.key(target),
                    repository.edge_key(source, target),
                    repository.edge_key(target, source),
                )
            ]
        )
        return {
            source: [
                self._view(
                    repository.decode_edge(rows, source, target),
                    repository.decode_edge(rows, target, source),
                )
                for target in some
                if repository.decode_profile(rows, target) is not None
            ]
            for source, some in wanted.items()
        }

    async def _update_edge(
        self, source: str, target: str, change: EdgeChange, rows: Rows
    ) -> RelationshipEdge:
        """Change an edge that is among rows which were just read."""
        blank = RelationshipEdge(source, target)
        known = self._repository.edge_document(rows, source, target)

        def decide(edge: RelationshipEdge | None) -> RelationshipEdge | None:
            after = change(edge or blank)
            return None if after == blank and edge is None else after

        edge = await self._repository.edges.update(
            edges.edge_id(source, target), decide, expect_absent=known is None, known=known
        )
        return edge or blank

    async def _change(
        self, source: str, target: str, change: EdgeChange, *, must_exist: bool = False
    ) -> RelationshipView:
        """Change an edge. Raises `NotFound` if the target `must_exist` and does not."""
        repository = self._repository
        keys = [repository.edge_key(source, target), repository.edge_key(target, source)]
        rows = await repository.state.get_many(
            [*keys, repository.users.key(target)] if must_exist else keys
        )
        if must_exist and repository.decode_profile(rows, target) is None:
            raise account_not_found()
        edge = await self._update_edge(source, target, change, rows)
        return self._view(edge, repository.decode_edge(rows, target, source))

    async def _change_listed(
        self,
        source: str,
        target: str,
        kind: str,
        change: Callable[[RelationshipEdge, int], RelationshipEdge],
    ) -> RelationshipView:
        """Change an edge to an existing account, given the length of one of the source's lists."""
        repository = self._repository
        keys = [
            repository.edge_key(source, target),
            repository.edge_key(target, source),
            repository.users.key(target),
            repository.lists(kind).heads.key(source),
        ]
        rows = await repository.state.get_many(keys)
        if repository.decode_profile(rows, target) is None:
            raise account_not_found()
        total = repository.decode_total(rows, kind, source)
        edge = await self._update_edge(source, target, lambda edge: change(edge, total), rows)
        return self._view(edge, repository.decode_edge(rows, target, source))

    async def _change_incoming(
        self,
        target: str,
        source: str,
        decide: Callable[[RelationshipEdge | None], RelationshipEdge | None],
    ) -> RelationshipView:
        """Change the edge of another account, and return the relationship as `target` sees it."""
        repository = self._repository
        reverse = await repository.edges.update(edges.edge_id(source, target), decide)
        edge = await repository.edges.get(edges.edge_id(target, source))
        return self._view(
            edge or RelationshipEdge(target, source), reverse or RelationshipEdge(source, target)
        )

    def _view(self, edge: RelationshipEdge, reverse: RelationshipEdge) -> RelationshipView:
        return relationship_view(edge, reverse, timestamp(self._clock()))
