"""Who blocks somebody, as services remember it that hear of edges: bounded, and in any order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

BLOCKERS = 1_000
"""How many who block somebody their document holds; of the others it says that there are some."""

_LIFTED = 500
"""How many of those who block no more are remembered, so that late news is known to be old."""


@dataclass(frozen=True, slots=True)
class BlockState:
    """The version of an edge to somebody who is blocked by very many; negative: not blocking."""

    version: int = 0

    def apply(self, version: int, *, blocks: bool) -> BlockState:
        """The newer of what is known and what is heard."""
        if version <= abs(self.version):
            return self
        return BlockState(version if blocks else -version)


@dataclass(frozen=True, slots=True)
class BlockList:
    """The part of somebody's document that says who blocks them.

    `blocked_by`: versions of edges, negative where it is no block. Who is `shunned` is blocked by
    more people than there is room for here: see `BlockState`.
    """

    blocked_by: dict[str, int] = field(default_factory=dict)
    shunned: bool = False

    def apply_block(self, person: str, version: int, *, blocks: bool) -> Self:
        """With somebody's edge to the owner, as far as it is a block."""
        known = self.blocked_by.get(person, 0)
        if version <= abs(known) or (version == 1 and not blocks):
            return self
        if not known and (self.shunned or len(self.blocked_by) >= BLOCKERS):
            return replace(self, shunned=self.shunned or blocks)
        edges = {id: each for id, each in self.blocked_by.items() if id != person}
        edges[person] = version if blocks else -version
        lifted = [id for id, each in edges.items() if each < 0]
        for id in lifted[:-_LIFTED]:
            del edges[id]
        return replace(self, blocked_by=edges)

    def is_stored_separately(self, person: str) -> bool:
        """Whether what somebody's edge says is kept apart (`BlockState`), for want of room here."""
        return self.shunned and person not in self.blocked_by

    def with_separate(self, apart: Mapping[str, BlockState]) -> Self:
        """With what is kept apart of some people."""
        blockers = {person: blocked.version for person, blocked in apart.items()}
        return replace(self, blocked_by={**blockers, **self.blocked_by}) if blockers else self
