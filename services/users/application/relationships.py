"""One person's stance on another: decided on the edge, and the lists that follow from edges."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta

from services.chassis.dapr.state import StateEntry
from services.chassis.errors import NotFound
from services.chassis.ids import SnowflakeGenerator, timestamp
from services.users.application.mute_expiry import Clock, MuteExpiry, utc_now
from services.users.domain import edges as rules
from services.users.domain.edges import (
    FollowConditions,
    FollowOptions,
    ListUpdate,
    RelationshipEdge,
    RelationshipView,
)
from services.users.repository import Repository

Change = Callable[[RelationshipEdge], RelationshipEdge]


class RelationshipService:
    """What people do to one another."""

    def __init__(self, repository: Repository, clock: Clock = utc_now) -> None:
        self._repository = repository
        self._clock = clock
        self._mute_expiry = MuteExpiry(repository, clock)
        self._ids = SnowflakeGenerator()

    async def follow(self, source: str, target: str, manner: FollowOptions) -> RelationshipView:
        """Follow somebody, or ask to. One read, and the commit."""
        rules.reject_self(source, target, "follow")
        repository = self._repository
        rows = await repository.state.get_many(
            [
                repository.users.key(target),
                repository.edge_key(target, source),
                repository.following.heads.key(source),
            ]
        )
        profile = repository.decode_profile(rows, target)
        if profile is None or profile.suspended:
            raise NotFound("There is no such account.")
        reverse = repository.decode_edge(rows, target, source)
        followed = repository.decode_total(rows, "following", source)
        terms = FollowConditions(profile.locked, reverse.blocking, followed)
        id = self._ids.next()
        edge = await self._update_edge(
            source, target, lambda edge: rules.follow(edge, terms, manner, id)
        )
        return self._view(edge, reverse)

    async def unfollow(self, source: str, target: str) -> RelationshipView:
        """Follow somebody no more, and withdraw a request."""
        return await self._change(source, target, rules.unfollow)

    async def block(self, source: str, target: str) -> RelationshipView:
        """Part two people. One read, and the commit."""
        rules.reject_self(source, target, "block")
        id = self._ids.next()
        return await self._change_listed(
            source, target, "blocks", lambda edge, blocked: rules.block(edge, id, blocked)
        )

    async def unblock(self, source: str, target: str) -> RelationshipView:
        """End a block."""
        return await self._change(source, target, rules.unblock)

    async def mute(
        self, source: str, target: str, *, notifications: bool, seconds: int
    ) -> RelationshipView:
        """Not see somebody, for some seconds or (0) until told otherwise.

        A mute that ends is noted first, so that the end of none is missed.
        """
        rules.reject_self(source, target, "mute")
        until = None
        if seconds:
            end = self._clock() + timedelta(seconds=seconds)
            until = timestamp(end)
            await self._mute_expiry.schedule(end, rules.edge_id(source, target))
        id = self._ids.next()

        def mute(edge: RelationshipEdge, muted: int) -> RelationshipEdge:
            return rules.mute(edge, id, muted, notifications=notifications, until=until)

        return await self._change_listed(source, target, "mutes", mute)

    async def unmute(self, source: str, target: str) -> RelationshipView:
        """See somebody again."""
        return await self._change(source, target, rules.unmute)

    async def annotate(self, source: str, target: str, note: str) -> RelationshipView:
        """Keep a private note on somebody."""
        id = self._ids.next()
        return await self._change(
            source, target, lambda edge: rules.annotate(edge, note, id), there=True
        )

    async def accept(self, me: str, source: str) -> RelationshipView:
        """Let somebody follow me who asked to."""
        id = self._ids.next()
        return await self._change_incoming(me, source, lambda edge: rules.accept(edge, id))

    async def reject(self, me: str, source: str) -> RelationshipView:
        """Turn somebody down who asked to follow me."""
        return await self._change_incoming(me, source, rules.reject)

    async def relationships(self, source: str, targets: Iterable[str]) -> list[RelationshipView]:
        """How somebody stands to those of some others who are there. One state call."""
        targets = list(dict.fromkeys(targets))
        repository = self._repository
        rows = await repository.state.get_many(
            [
                key
                for target in targets
                for key in (
                    repository.users.key(target),
                    repository.edge_key(source, target),
                    repository.edge_key(target, source),
                )
            ]
        )
        return [
            self._view(
                repository.decode_edge(rows, source, target),
                repository.decode_edge(rows, target, source),
            )
            for target in targets
            if repository.decode_profile(rows, target) is not None
        ]

    async def remove_follower(self, me: str, source: str) -> RelationshipView:
        """Have somebody follow me no more; they may follow again."""
        return await self._change_incoming(
            me, source, lambda edge: rules.unfollow(edge) if edge is not None else None
        )

    # ── what follows from edges ─────────────────────────────────────────────────────────────

    async def reconcile(self, source: str, target: str) -> None:
        """Make everything agree with what an edge says now: the edge across, and all lists.

        Whoever wrote into a list after reading an edge that has changed since sees so here, and
        does it again; so whatever was repeated, reordered or cut short, the last one is right.
        """
        seen = None
        while True:
            rows = await self._read(source, target)
            entry = rows.get(self._repository.edge_key(source, target))
            if entry is None:
                return
            if await self._reconcile_pair(rows, source, target):
                continue
            if entry.etag == seen:
                return
            seen = entry.etag
            edge = self._repository.decode_edge(rows, source, target)
            await asyncio.gather(
                *(self._update_list(listing) for listing in rules.list_updates(edge))
            )

    async def accept_pending(self, target: str) -> None:
        """Let in all who wait, where somebody no longer asks to be asked."""
        for _, source in await self._repository.lists("requests").all(target):
            await self.reconcile(source, target)

    async def _read(self, source: str, target: str) -> dict[str, StateEntry]:
        repository = self._repository
        return await repository.state.get_many(
            [
                repository.edge_key(source, target),
                repository.edge_key(target, source),
                repository.users.key(source),
                repository.users.key(target),
            ]
        )

    async def _reconcile_pair(self, rows: dict[str, StateEntry], source: str, target: str) -> bool:
        """Bring two edges together; says whether that changed one, so both must be read again.

        What was decided from edges that have changed since is left alone.
        """
        repository = self._repository
        edge = repository.decode_edge(rows, source, target)
        reverse = repository.decode_edge(rows, target, source)
        profile = repository.decode_profile(rows, target)
        locked = profile is None or profile.locked
        gone = repository.is_deleted(rows, source) or repository.is_deleted(rows, target)
        settled = rules.reconcile(edge, reverse, locked=locked, gone=gone, id=self._ids.next())
        across = rules.reconcile(reverse, edge, locked=True, gone=gone, id="")
        for before, after in ((edge, settled), (reverse, across)):
            if before != after:
                await self._replace(before, after)
        return (edge, reverse) != (settled, across)

    async def _replace(self, before: RelationshipEdge, after: RelationshipEdge) -> None:
        id = rules.edge_id(before.source, before.target)
        await self._repository.edges.update(id, lambda now: after if now == before else now)

    async def _update_list(self, listing: ListUpdate) -> None:
        lists, place = self._repository.lists(listing.kind), listing.membership
        if place.taken:
            await lists.insert(listing.owner, [[place.id, listing.other]])
        if place.stale_ids:
            await lists.remove(listing.owner, place.stale_ids)

    # ── parts ───────────────────────────────────────────────────────────────────────────────

    async def _update_edge(self, source: str, target: str, change: Change) -> RelationshipEdge:
        blank = RelationshipEdge(source, target)

        def decide(edge: RelationshipEdge | None) -> RelationshipEdge | None:
            after = change(edge or blank)
            return None if after == blank and edge is None else after

        edge = await self._repository.edges.update(rules.edge_id(source, target), decide)
        return edge or blank

    async def _change(
        self, source: str, target: str, change: Change, *, there: bool = False
    ) -> RelationshipView:
        """Decide on one edge, whatever the one across says. `there`: only on somebody who is."""
        repository = self._repository
        keys = [repository.edge_key(target, source)]
        rows = await repository.state.get_many(
            [*keys, repository.users.key(target)] if there else keys
        )
        if there and repository.decode_profile(rows, target) is None:
            raise NotFound("There is no such account.")
        edge = await self._update_edge(source, target, change)
        return self._view(edge, repository.decode_edge(rows, target, source))

    async def _change_listed(
        self,
        source: str,
        target: str,
        listed: str,
        change: Callable[[RelationshipEdge, int], RelationshipEdge],
    ) -> RelationshipView:
        """Decide on one edge to somebody who is there, by how many are on a list already."""
        repository = self._repository
        keys = [repository.edge_key(target, source), repository.users.key(target)]
        rows = await repository.state.get_many([*keys, repository.lists(listed).heads.key(source)])
        if repository.decode_profile(rows, target) is None:
            raise NotFound("There is no such account.")
        total = repository.decode_total(rows, listed, source)
        edge = await self._update_edge(source, target, lambda edge: change(edge, total))
        return self._view(edge, repository.decode_edge(rows, target, source))

    async def _change_incoming(
        self,
        me: str,
        source: str,
        decide: Callable[[RelationshipEdge | None], RelationshipEdge | None],
    ) -> RelationshipView:
        """Decide on the edge of somebody who asked to follow me."""
        reverse = await self._repository.edges.update(rules.edge_id(source, me), decide)
        edge = await self._repository.edges.get(rules.edge_id(me, source))
        return self._view(
            edge or RelationshipEdge(me, source), reverse or RelationshipEdge(source, me)
        )

    def _view(self, edge: RelationshipEdge, reverse: RelationshipEdge) -> RelationshipView:
        return rules.relationship_view(edge, reverse, timestamp(self._clock()))
