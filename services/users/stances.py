"""One person's stance on another: decided on the edge, and the lists that follow from edges."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta

from services.chassis.dapr.client import StateEntry
from services.chassis.errors import NotFound
from services.chassis.ids import SnowflakeGenerator, timestamp
from services.users.domain import edges as rules
from services.users.domain.edges import Edge, Listing, Manner, Relationship, Terms
from services.users.endings import Clock, Endings, utc_now
from services.users.store import Store

Change = Callable[[Edge], Edge]


class Stances:
    """What people do to one another."""

    def __init__(self, store: Store, clock: Clock = utc_now) -> None:
        self._store = store
        self._clock = clock
        self._endings = Endings(store, clock)
        self._ids = SnowflakeGenerator()

    async def follow(self, source: str, target: str, manner: Manner) -> Relationship:
        """Follow somebody, or ask to. One read, and the commit."""
        rules.refuse_oneself(source, target, "follow")
        store = self._store
        rows = await store.state.get_many(
            [
                store.users.key(target),
                store.edge_key(target, source),
                store.following.heads.key(source),
            ]
        )
        profile = store.profile_in(rows, target)
        if profile is None or profile.suspended:
            raise NotFound("There is no such account.")
        reverse = store.edge_in(rows, target, source)
        followed = store.total_in(rows, "following", source)
        terms = Terms(profile.locked, reverse.blocking, followed)
        id = self._ids.next()
        edge = await self._decide(
            source, target, lambda edge: rules.follow(edge, terms, manner, id)
        )
        return self._seen(edge, reverse)

    async def unfollow(self, source: str, target: str) -> Relationship:
        """Follow somebody no more, and withdraw a request."""
        return await self._change(source, target, rules.unfollow)

    async def block(self, source: str, target: str) -> Relationship:
        """Part two people. One read, and the commit."""
        rules.refuse_oneself(source, target, "block")
        id = self._ids.next()
        return await self._hide(
            source, target, "blocks", lambda edge, blocked: rules.block(edge, id, blocked)
        )

    async def unblock(self, source: str, target: str) -> Relationship:
        """End a block."""
        return await self._change(source, target, rules.unblock)

    async def mute(
        self, source: str, target: str, *, notifications: bool, seconds: int
    ) -> Relationship:
        """Not see somebody, for some seconds or (0) until told otherwise.

        A mute that ends is noted first, so that the end of none is missed.
        """
        rules.refuse_oneself(source, target, "mute")
        until = None
        if seconds:
            end = self._clock() + timedelta(seconds=seconds)
            until = timestamp(end)
            await self._endings.note(end, rules.edge_id(source, target))
        id = self._ids.next()

        def mute(edge: Edge, muted: int) -> Edge:
            return rules.mute(edge, id, muted, notifications=notifications, until=until)

        return await self._hide(source, target, "mutes", mute)

    async def unmute(self, source: str, target: str) -> Relationship:
        """See somebody again."""
        return await self._change(source, target, rules.unmute)

    async def annotate(self, source: str, target: str, note: str) -> Relationship:
        """Keep a private note on somebody."""
        id = self._ids.next()
        return await self._change(
            source, target, lambda edge: rules.annotate(edge, note, id), there=True
        )

    async def accept(self, me: str, source: str) -> Relationship:
        """Let somebody follow me who asked to."""
        id = self._ids.next()
        return await self._answer(me, source, lambda edge: rules.accept(edge, id))

    async def reject(self, me: str, source: str) -> Relationship:
        """Turn somebody down who asked to follow me."""
        return await self._answer(me, source, rules.reject)

    async def relationships(self, source: str, targets: Iterable[str]) -> list[Relationship]:
        """How somebody stands to those of some others who are there. One state call."""
        targets = list(dict.fromkeys(targets))
        store = self._store
        rows = await store.state.get_many(
            [
                key
                for target in targets
                for key in (
                    store.users.key(target),
                    store.edge_key(source, target),
                    store.edge_key(target, source),
                )
            ]
        )
        return [
            self._seen(store.edge_in(rows, source, target), store.edge_in(rows, target, source))
            for target in targets
            if store.profile_in(rows, target) is not None
        ]

    async def remove_follower(self, me: str, source: str) -> Relationship:
        """Have somebody follow me no more; they may follow again."""
        return await self._answer(
            me, source, lambda edge: rules.unfollow(edge) if edge is not None else None
        )

    # ── what follows from edges ─────────────────────────────────────────────────────────────

    async def agree(self, source: str, target: str) -> None:
        """Make everything agree with what an edge says now: the edge across, and all lists.

        Whoever wrote into a list after reading an edge that has changed since sees so here, and
        does it again; so whatever was repeated, reordered or cut short, the last one is right.
        """
        seen = None
        while True:
            rows = await self._read(source, target)
            entry = rows.get(self._store.edge_key(source, target))
            if entry is None:
                return
            if await self._settle(rows, source, target):
                continue
            if entry.etag == seen:
                return
            seen = entry.etag
            edge = self._store.edge_in(rows, source, target)
            await asyncio.gather(*(self._list(listing) for listing in rules.listings(edge)))

    async def open(self, target: str) -> None:
        """Let in all who wait, where somebody no longer asks to be asked."""
        for _, source in await self._store.lists("requests").all(target):
            await self.agree(source, target)

    async def _read(self, source: str, target: str) -> dict[str, StateEntry]:
        store = self._store
        return await store.state.get_many(
            [
                store.edge_key(source, target),
                store.edge_key(target, source),
                store.users.key(source),
                store.users.key(target),
            ]
        )

    async def _settle(self, rows: dict[str, StateEntry], source: str, target: str) -> bool:
        """Bring two edges together; says whether that changed one, so both must be read again.

        What was decided from edges that have changed since is left alone.
        """
        store = self._store
        edge = store.edge_in(rows, source, target)
        reverse = store.edge_in(rows, target, source)
        profile = store.profile_in(rows, target)
        locked = profile is None or profile.locked
        gone = store.is_gone_in(rows, source) or store.is_gone_in(rows, target)
        settled = rules.settle(edge, reverse, locked=locked, gone=gone, id=self._ids.next())
        across = rules.settle(reverse, edge, locked=True, gone=gone, id="")
        for before, after in ((edge, settled), (reverse, across)):
            if before != after:
                await self._replace(before, after)
        return (edge, reverse) != (settled, across)

    async def _replace(self, before: Edge, after: Edge) -> None:
        id = rules.edge_id(before.source, before.target)
        await self._store.edges.update(id, lambda now: after if now == before else now)

    async def _list(self, listing: Listing) -> None:
        lists, place = self._store.lists(listing.kind), listing.place
        if place.taken:
            await lists.insert(listing.owner, [[place.id, listing.other]])
        if place.stale:
            await lists.remove(listing.owner, place.stale)

    # ── parts ───────────────────────────────────────────────────────────────────────────────

    async def _decide(self, source: str, target: str, change: Change) -> Edge:
        blank = Edge(source, target)

        def decide(edge: Edge | None) -> Edge | None:
            after = change(edge or blank)
            return None if after == blank and edge is None else after

        edge = await self._store.edges.update(rules.edge_id(source, target), decide)
        return edge or blank

    async def _change(
        self, source: str, target: str, change: Change, *, there: bool = False
    ) -> Relationship:
        """Decide on one edge, whatever the one across says. `there`: only on somebody who is."""
        store = self._store
        keys = [store.edge_key(target, source)]
        rows = await store.state.get_many([*keys, store.users.key(target)] if there else keys)
        if there and store.profile_in(rows, target) is None:
            raise NotFound("There is no such account.")
        edge = await self._decide(source, target, change)
        return self._seen(edge, store.edge_in(rows, target, source))

    async def _hide(
        self, source: str, target: str, listed: str, change: Callable[[Edge, int], Edge]
    ) -> Relationship:
        """Decide on one edge to somebody who is there, by how many are on a list already."""
        store = self._store
        keys = [store.edge_key(target, source), store.users.key(target)]
        rows = await store.state.get_many([*keys, store.lists(listed).heads.key(source)])
        if store.profile_in(rows, target) is None:
            raise NotFound("There is no such account.")
        total = store.total_in(rows, listed, source)
        edge = await self._decide(source, target, lambda edge: change(edge, total))
        return self._seen(edge, store.edge_in(rows, target, source))

    async def _answer(
        self, me: str, source: str, decide: Callable[[Edge | None], Edge | None]
    ) -> Relationship:
        """Decide on the edge of somebody who asked to follow me."""
        reverse = await self._store.edges.update(rules.edge_id(source, me), decide)
        edge = await self._store.edges.get(rules.edge_id(me, source))
        return self._seen(edge or Edge(me, source), reverse or Edge(source, me))

    def _seen(self, edge: Edge, reverse: Edge) -> Relationship:
        return rules.relationship(edge, reverse, timestamp(self._clock()))
