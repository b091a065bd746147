"""Whom somebody does not want to be told of, and who does not want to be told to them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from services.shared.block_list import BlockList

_MAX_LIFTED = 500
"""How many of those who are hidden no more are remembered, so that late news is known to be old."""


@dataclass(frozen=True, slots=True)
class HiddenEdge:
    """What an edge said at a version: whether its target is hidden, perhaps until a time."""

    version: int
    hides: bool = True
    until: str | None = None

    def hides_at(self, now: str) -> bool:
        return self.hides and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class OwnerRelations(BlockList):
    """Who is `hidden` by the owner's edges, and who blocks them."""

    hidden: dict[str, HiddenEdge] = field(default_factory=dict)

    def apply_edge(self, person: str, edge: HiddenEdge) -> OwnerRelations:
        """With the owner's own edge to somebody."""
        known = self.hidden.get(person)
        if edge.version <= (known.version if known else 0):
            return self
        if known is None and edge.version == 1 and not edge.hides:
            return self
        edges = {id: each for id, each in self.hidden.items() if id != person} | {person: edge}
        lifted = [id for id, each in edges.items() if not each.hides]
        for id in lifted[:-_MAX_LIFTED]:
            del edges[id]
        return replace(self, hidden=edges)

    def admits(self, person: str, now: str) -> bool:
        """Whether the owner is told of what somebody does."""
        hidden = self.hidden.get(person)
        return not (hidden and hidden.hides_at(now)) and self.blocked_by.get(person, 0) <= 0
