"""Conditional requests: what `If-Match` and `If-None-Match` say (RFC 9110, 13.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAG = re.compile(r'[ \t,]*(?:(W/)?"([!#-~\x80-\xff]*)"|([!#-+\--~\x80-\xff]+))[ \t]*(?:,|$)')
"""One entity tag of a list (RFC 9110, 8.8.3). One that lacks its quotes is taken as if it had them.

It takes time in proportion to the text: whatever it gives back, it cannot use otherwise.
"""


@dataclass(frozen=True, slots=True)
class EntityTags:
    """The entity tags of a field; `any` for `*`, which is whatever there is."""

    strong: frozenset[str] = frozenset()
    weak: frozenset[str] = frozenset()
    any: bool = False

    @classmethod
    def of(cls, text: str) -> EntityTags:
        """What a field says; what is no entity tag, and all after it, is none."""
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
        """Whether a strong tag is among them, by the strong comparison: a weak one is never it."""
        return self.any or tag in self.strong

    def resembles(self, tag: str) -> bool:
        """The same by the weak comparison: a weak one is as good as a strong one."""
        return self.any or tag in self.strong or tag in self.weak


@dataclass(frozen=True, slots=True)
class Condition:
    """Which versions of a thing a request is for; tags are version numbers.

    `version in condition` says whether it is to be done to that one.
    """

    match: EntityTags | None = None
    none_match: EntityTags | None = None

    @classmethod
    def on(cls, version: int) -> Condition:
        """That it is one version."""
        return cls(EntityTags(frozenset((str(version),))))

    def __contains__(self, version: object) -> bool:
        tag = str(version)
        return (self.match is None or self.match.has(tag)) and not (
            self.none_match is not None and self.none_match.resembles(tag)
        )
