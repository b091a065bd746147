"""Applies the relationships between accounts to relations, follower lists and homes."""

from __future__ import annotations

from services.contracts.accounts import Edge
from services.feed.application.fanout import FanOut
from services.feed.domain.relations import FollowerShard, ReaderRelations, follower_shard
from services.feed.repository import Repository


class EdgeProjector:
    """Keeps all that is derived from the edges between accounts up to date."""

    def __init__(self, repository: Repository, fanout: FanOut) -> None:
        self._repository = repository
        self._fanout = fanout

    async def project(self, edge: Edge, version: int) -> None:
        """Apply a follow, unfollow, block or mute.

        A repetition does everything again, because the first run may have failed halfway.
        """
        repository = self._repository
        before = await repository.relations.get(edge.source) or ReaderRelations()
        if version < before.edge_version(edge.target):
            return
        relations = await self._apply(edge, version)
        deleted = await repository.find_deleted([edge.source, edge.target])
        for account in deleted:
            await repository.delete_edges(account, edge.source)
        if edge.source in deleted:
            return
        if relations is not None and edge.target in relations.follows:
            await self._fanout.backfill_home(edge.source, edge.target)
        elif edge.target in before.follows:
            await self._fanout.rebuild_home(edge.source)

    async def _apply(self, edge: Edge, version: int) -> ReaderRelations | None:
        repository = self._repository
        relations = await repository.relations.update(
            edge.source,
            lambda kept: (kept or ReaderRelations()).apply_edge(
                edge.target,
                follows=edge.following,
                hides=edge.blocking or edge.muting,
                reblogs=edge.show_reblogs,
                version=version,
            ),
        )
        await repository.apply_block(edge.target, edge.source, version, blocks=edge.blocking)
        await repository.follower_shards.update(
            f"{edge.target}:{follower_shard(edge.source)}",
            lambda kept: (kept or FollowerShard()).apply(
                edge.source, follows=edge.following, version=version
            ),
        )
        return relations
