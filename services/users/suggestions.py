"""Whom somebody might want to follow, and whom they know among somebody's followers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.chassis.ids import timestamp
from services.users.domain.suggestions import (
    FOLLOWED,
    NEWEST,
    THEIRS,
    Reason,
    candidates,
    may_be_suggested,
)
from services.users.store import Dismissed, Person, Store, open_in

FAMILIAR_AMONG = 80
"""Among how many of those whom one follows, the newest first, it is looked for familiar ones."""

_ALL = "all"


class Suggestions:
    """Looks for people. Costs the same however many there are."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def suggest(self, user: str, limit: int) -> list[dict[str, Any]]:
        """People followed by those one follows, then the newest who have posted.

        Three state calls: own lists; the lists of `FOLLOWED` people; `CANDIDATES` people.
        """
        store = self._store
        arrivals = store.arrivals.heads
        rows = await store.state.get_many(
            [store.following.heads.key(user), store.dismissed.key(user), arrivals.key(_ALL)]
        )
        followed = [row[1] for row in store.head_in(rows, "following", user).recent]
        dismissed: Dismissed = open_in(rows, store.dismissed, user) or Dismissed()
        newest = open_in(rows, arrivals, _ALL)
        heads = await store.following.heads.get_many(followed[:FOLLOWED])
        reasons = candidates(
            [[row[1] for row in heads[id].recent[:THEIRS]] for id in heads],
            [row[0] for row in newest.recent[:NEWEST]] if newest else [],
            {user, *followed, *dismissed.ids},
        )
        people = await store.people(reasons, user)
        now = timestamp()
        shown = [id for id, person in people.items() if _fits(person, reasons[id], now)]
        return [{"account": people[id].account(), "reason": reasons[id]} for id in shown[:limit]]

    async def dismiss(self, user: str, id: str) -> None:
        """Suggest somebody no more. Two state calls."""
        await self._store.dismissed.update(user, lambda kept: (kept or Dismissed()).adding(id))

    async def familiar(self, user: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Of those whom one follows, who follows each of some people.

        Looked for among the `FAMILIAR_AMONG` newest. Three state calls.
        """
        store = self._store
        followed = [row[1] for row in (await store.following.head(user)).recent[:FAMILIAR_AMONG]]
        pairs = [(friend, id) for id in ids for friend in followed]
        rows = await store.state.get_many([store.edge_key(*pair) for pair in pairs])
        found = [pair for pair in pairs if store.edge_in(rows, *pair).following]
        people = await store.people((friend for friend, _ in found), user)
        return [
            {
                "id": id,
                "accounts": [
                    people[friend].account()
                    for friend, followed in found
                    if followed == id and friend in people and not people[friend].apart
                ],
            }
            for id in ids
        ]

    async def agree(self, id: str) -> None:
        """Make the list of the newest people say of somebody what their profile says now."""
        store = self._store
        seen = 0
        while (doc := await store.users.load(id)) is not None and doc.version != seen:
            seen = doc.version
            if may_be_suggested(doc.value):
                await store.arrivals.insert(_ALL, [[id]])
            else:
                await store.arrivals.remove(_ALL, [id])


def _fits(person: Person, reason: Reason, now: str) -> bool:
    if person.apart or person.edge.following or person.edge.requested or person.edge.muting(now):
        return False
    active = reason == "friends_of_friends" or person.posted.total > 0
    return active and may_be_suggested(person.profile)
