"""Applies the relationships between accounts to relations, follower lists and homes."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from services.contracts.accounts import Edge
from services.feed.application.fanout import FanOut
from services.feed.domain.relations import FollowerShard, ReaderRelations, follower_shard
from services.feed.repository import Repository


class EdgeProjector:
    """Keeps all that is derived from the edges between accounts up to date."""

    def __init__(self, repository: Repository, fanout: FanOut) -> None:
        self._repository = repository
        self._fanout = fanout
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """By reader: rebuilds of one home at the same time would only repeat each other."""

    async def project(self, edge: Edge, version: int) -> None:
        """Apply a follow, unfollow, block or mute. May be repeated, after a failure anywhere.

        A home loses the posts of an account before it is stored that it is not followed any more:
        whoever handles the edge next, a repetition or a newer event, sees by this whether the home
        still has to be rebuilt. A follow is stored before the account's timeline is read, and a
        new post is inserted there before its author's followers are read, so one sees the other.

        Each of two ends at the same time may miss the other, before either is stored. Whoever is
        stored last sees that, and rebuilds the home once more.

        Five state calls for a follow, ten for the end of one.
        """
        async with self._locks.setdefault(edge.source, asyncio.Lock()):
            await self._project(edge, version)

    async def _project(self, edge: Edge, version: int) -> None:
        repository, source, target = self._repository, edge.source, edge.target
        docs = await repository.edge_documents(source, target)
        before = docs.own.value if docs.own else ReaderRelations()
        if version < before.edge_version(target):
            return
        at_home: set[str] = set()
        if target in before.follows and not edge.following:
            at_home = await self._fanout.rebuild_home(
                source, lambda kept: _apply(kept, edge, version)
            )
            docs = await repository.edge_documents(source, target)  # that took a while
        relations, _, _ = await asyncio.gather(
            repository.relations.update(
                source,
                lambda kept: _apply(kept or ReaderRelations(), edge, version),
                known=docs.own,
                expect_absent=docs.own is None,
            ),
            repository.apply_block(target, source, version, blocks=edge.blocking, known=docs.other),
            repository.follower_shards.update(
                f"{target}:{follower_shard(source)}",
                lambda kept: (kept or FollowerShard()).apply(
                    source, follows=edge.following, version=version
                ),
                known=docs.shard,
                expect_absent=docs.shard is None,
            ),
        )
        if relations is not None and at_home - relations.follows.keys():
            await self._fanout.rebuild_home(source, lambda kept: kept)
        deleted, head = await repository.deleted_and_timeline([source, target], target)
        for account in deleted:
            await repository.delete_edges(account, source)
        if source in deleted:
            await repository.homes.replace(source, [])  # perhaps rebuilt since the deletion
        elif relations is not None and target in relations.follows:
            await self._fanout.backfill_home(source, target, head)


def _apply(relations: ReaderRelations, edge: Edge, version: int) -> ReaderRelations:
    return relations.apply_edge(
        edge.target,
        follows=edge.following,
        hides=edge.blocking or edge.muting,
        reblogs=edge.show_reblogs,
        version=version,
    )
