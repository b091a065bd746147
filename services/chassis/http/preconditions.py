"""Conditional requests: what `If-Match` and `If-None-Match` say (RFC 9110, 13.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAG = re.compile(r'[ \t,]*(?:(W/)?"([!#-~\x80-\xff]*)"|([!#-+\--~\x80-\xff]+))[ \t]*(?:,|$)')
"""One entity tag of a list (RFC 9110, 8.8.3). A tag without its quotes is accepted too.

Matching takes linear time: the alternatives exclude each other, so there is no backtracking.
"""


@dataclass(frozen=True, slots=True)
class EntityTags:
    """The entity tags of a header field. `any` is the field `*`, which matches every tag."""

    strong: frozenset[str] = frozenset()
    weak: frozenset[str] = frozenset()
    any: bool = False

    @classmethod
    def of(cls, text: str) -> EntityTags:
        """Parse a field. The first malformed tag and all after it are ignored."""
        if text.strip(" \t") == "*":
            return cls(any=True)
        strong: set[str] = set()
        weak: set[str] = set()
        at = 0
        while found := _TAG.match(text, at):
            (weak if found[1] else strong).add(found[2] if found[3] is None else found[3])
            at = found.end()
        return cls(frozenset(strong), frozenset(weak))

    def has(self, tag: str) -> bool:
        """Whether a tag is among them by strong comparison: weak tags never match."""
        return self.any or tag in self.strong

    def resembles(self, tag: str) -> bool:
        """Whether a tag is among them by weak comparison: weak tags match too."""
        return self.any or tag in self.strong or tag in self.weak


@dataclass(frozen=True, slots=True)
class Condition:
    """A precondition on the version of a resource; the entity tags are version numbers.

    `version in condition` says whether a version satisfies it.
    """

    match: EntityTags | None = None
    none_match: EntityTags | None = None

    @classmethod
    def on(cls, version: int) -> Condition:
        """The precondition that the resource has exactly this version."""
        return cls(EntityTags(frozenset((str(version),))))

    def __contains__(self, version: object) -> bool:
        tag = str(version)
        return (self.match is None or self.match.has(tag)) and not (
            self.none_match is not None and self.none_match.resembles(tag)
        )
