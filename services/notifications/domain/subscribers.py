"""Who wants to hear of every post of somebody: a follow can ask for that."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

MOST = 500
"""How many can ask for that of one person: all of them are told of each post, one by one."""

_LEFT = 100


@dataclass(frozen=True, slots=True)
class Subscription:
    """What an edge said at a version: since when, or empty: no more."""

    version: int
    since: str


@dataclass(frozen=True, slots=True)
class Subscribers:
    """By person. Some who left are remembered, so that late news is known to be old."""

    people: dict[str, Subscription] = field(default_factory=dict)

    def heard(self, person: str, version: int, since: str) -> Subscribers:
        """With what an edge says; who has asked already has asked since then."""
        known = self.people.get(person)
        if version <= (known.version if known else 0):
            return self
        if known is None and version == 1 and not since:
            return self
        if known and known.since and since:
            since = known.since
        elif since and len(self.at("~")) >= MOST:
            return self
        people = {id: each for id, each in self.people.items() if id != person}
        people[person] = Subscription(version, since)
        for id in [id for id, each in people.items() if not each.since][:-_LEFT]:
            del people[id]
        return replace(self, people=people)

    def at(self, moment: str) -> list[str]:
        """Who had asked at a moment."""
        return [id for id, each in self.people.items() if each.since and each.since <= moment]
