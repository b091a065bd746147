"""Who wants to hear of every post of somebody: a follow can ask for that."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

MAX_SUBSCRIBERS = 500
"""How many can ask for that of one person: all of them are told of each post, one by one."""

_MAX_UNSUBSCRIBED = 100


@dataclass(frozen=True, slots=True)
class PostSubscription:
    """What an edge said at a version: since when, or empty: no more."""

    version: int
    since: str


@dataclass(frozen=True, slots=True)
class PostSubscribers:
    """By person. Some who left are remembered, so that late news is known to be old."""

    people: dict[str, PostSubscription] = field(default_factory=dict)

    def apply(self, person: str, version: int, since: str) -> PostSubscribers:
        """With what an edge says; who has asked already has asked since then."""
        known = self.people.get(person)
        if version <= (known.version if known else 0):
            return self
        if known is None and version == 1 and not since:
            return self
        if known and known.since and since:
            since = known.since
        elif since and len(self.subscribed_at("~")) >= MAX_SUBSCRIBERS:
            return self
        people = {id: each for id, each in self.people.items() if id != person}
        people[person] = PostSubscription(version, since)
        for id in [id for id, each in people.items() if not each.since][:-_MAX_UNSUBSCRIBED]:
            del people[id]
        return replace(self, people=people)

    def subscribed_at(self, moment: str) -> list[str]:
        """Who had asked at a moment."""
        return [id for id, each in self.people.items() if each.since and each.since <= moment]
