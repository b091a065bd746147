"""Whose actions an owner is not notified of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from services.shared.block_list import BlockList

_MAX_LIFTED = 500
"""How many lifted edges are kept to detect late events."""


@dataclass(frozen=True, slots=True)
class HiddenEdge:
    """Whether an edge hides its target at a version, perhaps until a time."""

    version: int
    hides: bool = True
    until: str | None = None

    def hides_at(self, now: str) -> bool:
        """Return whether the target is hidden at a time."""
        return self.hides and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class OwnerRelations(BlockList):
    """The document `stance:OWNER`: whom the owner's edges hide, and who blocks the owner."""

    hidden: dict[str, HiddenEdge] = field(default_factory=dict)

    def apply_edge(self, person: str, edge: HiddenEdge) -> OwnerRelations:
        """Return the relations with the owner's own edge to an account."""
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
        """Return whether the owner is notified of the actions of an account."""
        hidden = self.hidden.get(person)
        return not (hidden and hidden.hides_at(now)) and self.blocked_by.get(person, 0) <= 0
