"""Whom somebody does not want to be told of, and who does not want to be told to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

_LIFTED = 500
"""How many of those who are hidden no more are remembered, so that late news is known to be old."""

BLOCKERS = 1_000
"""How many who block somebody their stance holds; of the others it says that there are some."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """What an edge said at a version: whether its target is hidden, perhaps until a time."""

    version: int
    hides: bool = True
    until: str | None = None

    def at(self, now: str) -> bool:
        return self.hides and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Blocked:
    """The version of an edge to somebody who is blocked by very many; negative: not blocking."""

    version: int = 0

    def heard(self, version: int, *, blocks: bool) -> Blocked:
        """The newer of what is known and what is heard."""
        if version <= abs(self.version):
            return self
        return Blocked(version if blocks else -version)


@dataclass(frozen=True, slots=True)
class Stance:
    """`hidden`: by the owner's edges. `blocked_by`: versions, negative where it is no block.

    Who is `shunned` is blocked by more people than there is room for here: see `Blocked`.
    """

    hidden: dict[str, Hidden] = field(default_factory=dict)
    blocked_by: dict[str, int] = field(default_factory=dict)
    shunned: bool = False

    def heard(self, person: str, edge: Hidden) -> Stance:
        """With the owner's own edge to somebody."""
        known = self.hidden.get(person)
        if edge.version <= (known.version if known else 0):
            return self
        if known is None and edge.version == 1 and not edge.hides:
            return self
        edges = {id: each for id, each in self.hidden.items() if id != person} | {person: edge}
        lifted = [id for id, each in edges.items() if not each.hides]
        for id in lifted[:-_LIFTED]:
            del edges[id]
        return replace(self, hidden=edges)

    def heard_block(self, person: str, version: int, *, blocks: bool) -> Stance:
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

    def is_heard_apart(self, person: str) -> bool:
        """Whether what somebody's edge says is kept apart (`Blocked`), for want of room here."""
        return self.shunned and person not in self.blocked_by

    def knowing(self, apart: Mapping[str, Blocked]) -> Stance:
        """With what is kept apart of some people."""
        blockers = {person: blocked.version for person, blocked in apart.items()}
        return replace(self, blocked_by={**blockers, **self.blocked_by}) if blockers else self

    def admits(self, person: str, now: str) -> bool:
        """Whether the owner is told of what somebody does."""
        hidden = self.hidden.get(person)
        return not (hidden and hidden.at(now)) and self.blocked_by.get(person, 0) <= 0
