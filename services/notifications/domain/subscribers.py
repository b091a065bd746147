"""Subscribers to every post of an author. A follow can include such a subscription."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

MAX_SUBSCRIBERS = 500
"""How many subscribers an author can have. Each is notified of each post individually."""

_MAX_UNSUBSCRIBED = 100


@dataclass(frozen=True, slots=True)
class PostSubscription:
    """A subscription at a version of the edge: since when, or empty if there is none."""

    version: int
    since: str


@dataclass(frozen=True, slots=True)
class PostSubscribers:
    """The document `subscribers:AUTHOR`. Some ended subscriptions detect late events."""

    people: dict[str, PostSubscription] = field(default_factory=dict)

    def apply(self, person: str, version: int, since: str) -> PostSubscribers:
        """Return the subscribers after an edge event. An existing one keeps its start time."""
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
        """Return who was subscribed at a moment."""
        return [id for id, each in self.people.items() if each.since and each.since <= moment]
