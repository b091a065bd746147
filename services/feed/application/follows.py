"""Applies the relationships between accounts to relations, follower lists and homes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from weakref import WeakValueDictionary

from services.chassis import tracing
from services.chassis.dapr.call_groups import CallGroups, Request, answer_together
from services.contracts.accounts import Edge
from services.feed.application.fanout import FanOut
from services.feed.domain.relations import FollowerShard, ReaderRelations, follower_shard
from services.feed.repository import EdgeDocuments, Repository


@dataclass(frozen=True, slots=True)
class EdgeChange:
    """An edge, and the version of its document."""

    edge: Edge
    version: int


_Changes = Mapping[str, EdgeChange]
"""Edges of one reader, by the other account."""


class EdgeProjector:
    """Keeps all that is derived from the edges between accounts up to date."""

    def __init__(self, repository: Repository, fanout: FanOut) -> None:
        self._repository = repository
        self._fanout = fanout
        self._groups: WeakValueDictionary[str, CallGroups[EdgeChange]] = WeakValueDictionary()
        """By reader: edges that wait at the same time are applied together, and share the rebuild
        of the home."""

    async def project(self, edge: Edge, version: int) -> None:
        """Apply a follow, unfollow, block or mute. May be repeated, after a failure anywhere.

        A home loses the posts of an account before it is stored that it is not followed any more:
        whoever handles the edge next, a repetition or a newer event, sees by this whether the home
        still has to be rebuilt. A follow is stored before the account's timeline is read, and a
        new post is inserted there before its author's followers are read, so one sees the other.

        Each of two ends at the same time may miss the other, before either is stored. Whoever is
        stored last sees that, and rebuilds the home once more.

        For all edges of a reader that wait: five state calls if they are follows, ten if some end.
        """
        groups = self._groups.setdefault(
            edge.source,
            CallGroups(self._project_group, _describe, max_calls=1, kind=tracing.INTERNAL),
        )
        await groups.submit(EdgeChange(edge, version))

    async def _project_group(self, group: list[Request[EdgeChange]]) -> None:
        await answer_together(group, self._project_all)

    async def _project_all(self, group: Iterable[Request[EdgeChange]]) -> None:
        newest: dict[str, EdgeChange] = {}
        for change in sorted((each.asked for each in group), key=lambda each: each.version):
            newest[change.edge.target] = change
        (reader,) = {change.edge.source for change in newest.values()}
        await self._project(reader, newest)

    async def _project(self, reader: str, changes: _Changes) -> None:
        docs = await self._repository.edge_documents(reader, changes)
        before = docs.own.value if docs.own else ReaderRelations()
        changes = {
            target: change
            for target, change in changes.items()
            if change.version >= before.edge_version(target)
        }
        if not changes:
            return
        ends = {
            target: change
            for target, change in changes.items()
            if target in before.follows and not change.edge.following
        }
        at_home: set[str] = set()
        if ends:
            at_home = await self._fanout.rebuild_home(reader, lambda kept: _apply(kept, ends))
            docs = await self._repository.edge_documents(reader, changes)  # that took a while
        relations = await self._store(reader, changes, docs)
        if at_home - relations.follows.keys():
            await self._fanout.rebuild_home(reader, lambda kept: kept)
        await self._fill_home(reader, changes, relations)

    async def _store(self, reader: str, changes: _Changes, docs: EdgeDocuments) -> ReaderRelations:
        """Store edges in the reader's relations, and with the other accounts."""
        repository = self._repository
        storing = asyncio.gather(
            *(
                repository.apply_block(
                    target,
                    reader,
                    change.version,
                    blocks=change.edge.blocking,
                    known=docs.others.get(target),
                )
                for target, change in changes.items()
            ),
            *(self._store_follower(reader, change, docs) for change in changes.values()),
        )
        updating = repository.relations.update(
            reader,
            lambda kept: _apply(kept or ReaderRelations(), changes),
            known=docs.own,
            expect_absent=docs.own is None,
        )
        relations, _ = await asyncio.gather(updating, storing)
        return relations or ReaderRelations()

    async def _store_follower(self, reader: str, change: EdgeChange, docs: EdgeDocuments) -> None:
        target, seen = change.edge.target, docs.shards.get(change.edge.target)
        await self._repository.follower_shards.update(
            f"{target}:{follower_shard(reader)}",
            lambda kept: (kept or FollowerShard()).apply(
                reader, follows=change.edge.following, version=change.version
            ),
            known=seen,
            expect_absent=seen is None,
        )

    async def _fill_home(self, reader: str, changes: _Changes, relations: ReaderRelations) -> None:
        """Insert the posts of those who are followed now, and undo what is about deleted ones."""
        repository = self._repository
        followed = [target for target in changes if target in relations.follows]
        deleted, heads = await repository.deleted_and_timelines([reader, *changes], followed)
        for account in deleted:
            await repository.delete_edges(account, reader)
        if reader in deleted:
            await repository.homes.replace(reader, [])  # perhaps rebuilt since the deletion
        else:
            await self._fanout.backfill_home(reader, heads)


def _apply(relations: ReaderRelations, changes: _Changes) -> ReaderRelations:
    for target, change in changes.items():
        edge = change.edge
        relations = relations.apply_edge(
            target,
            follows=edge.following,
            hides=edge.blocking or edge.muting,
            reblogs=edge.show_reblogs,
            version=change.version,
        )
    return relations


def _describe(span: tracing.Span, change: EdgeChange) -> None:
    span.describe("apply an edge", {"microgram.edge.version": change.version})
