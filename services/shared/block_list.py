"""The users who block a user, built from edge events in any order, and bounded in size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

MAX_BLOCKERS = 1_000
"""Blocks in one user's document. More are stored separately; see `BlockState`."""

_MAX_LIFTED = 500
"""Ended blocks that are remembered, so that late events are recognized as old."""


@dataclass(frozen=True, slots=True)
class BlockState:
    """A block that is stored separately: the version of its edge, negative if it is no block."""

    version: int = 0

    def apply(self, version: int, *, blocks: bool) -> BlockState:
        """The state after an edge event; unchanged by an old one."""
        if version <= abs(self.version):
            return self
        return BlockState(version if blocks else -version)


@dataclass(frozen=True, slots=True)
class BlockList:
    """The part of a user's document that says who blocks them.

    `blocked_by` are versions of edges by source, negative for an ended block. `shunned`: more users
    block this one than fit in here; the others are stored separately (`BlockState`).
    """

    blocked_by: dict[str, int] = field(default_factory=dict)
    shunned: bool = False

    def apply_block(self, person: str, version: int, *, blocks: bool) -> Self:
        """The list after an event of an edge from `person` to the owner."""
        known = self.blocked_by.get(person, 0)
        if version <= abs(known) or (version == 1 and not blocks):
            return self
        if not known and (self.shunned or len(self.blocked_by) >= MAX_BLOCKERS):
            return replace(self, shunned=self.shunned or blocks)
        edges = {id: known for id, known in self.blocked_by.items() if id != person}
        edges[person] = version if blocks else -version
        lifted = [id for id, version in edges.items() if version < 0]
        for id in lifted[:-_MAX_LIFTED]:
            del edges[id]
        return replace(self, blocked_by=edges)

    def is_stored_separately(self, person: str) -> bool:
        """Whether a person's block is stored separately, as a `BlockState`."""
        return self.shunned and person not in self.blocked_by

    def with_separate(self, separate: Mapping[str, BlockState]) -> Self:
        """The list with separately stored blocks, by person."""
        blockers = {person: state.version for person, state in separate.items()}
        return replace(self, blocked_by={**blockers, **self.blocked_by}) if blockers else self
