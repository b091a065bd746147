"""Whom somebody might want to follow, and whom they know among somebody's followers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.chassis.ids import timestamp
from services.users.domain.suggestions import (
    MAX_FOLLOWED_EACH,
    MAX_FOLLOWED_SCANNED,
    MAX_NEWEST,
    Reason,
    candidates,
    is_suggestible,
)
from services.users.repository import AccountView, DismissedSuggestions, Repository, decode_document

MAX_FAMILIAR_CANDIDATES = 80
"""Among how many of those whom one follows, the newest first, it is looked for familiar ones."""

_ALL = "all"


class SuggestionService:
    """Looks for people. Costs the same however many there are."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def suggest(self, user: str, limit: int) -> list[dict[str, Any]]:
        """Suggest accounts followed by followed accounts, then the newest accounts with posts.

        Three state calls: the user's lists, the lists of `MAX_FOLLOWED_SCANNED` accounts, and
        `MAX_CANDIDATES` accounts.
        """
        repository = self._repository
        arrivals = repository.arrivals.heads
        rows = await repository.state.get_many(
            [
                repository.following.heads.key(user),
                repository.dismissed.key(user),
                arrivals.key(_ALL),
            ]
        )
        followed = [row[1] for row in repository.decode_head(rows, "following", user).recent]
        dismissed: DismissedSuggestions = (
            decode_document(rows, repository.dismissed, user) or DismissedSuggestions()
        )
        newest = decode_document(rows, arrivals, _ALL)
        heads = await repository.following.heads.get_many(followed[:MAX_FOLLOWED_SCANNED])
        reasons = candidates(
            [[row[1] for row in heads[id].recent[:MAX_FOLLOWED_EACH]] for id in heads],
            [row[0] for row in newest.recent[:MAX_NEWEST]] if newest else [],
            {user, *followed, *dismissed.ids},
        )
        people = await repository.account_views(reasons, user)
        now = timestamp()
        shown = [id for id, person in people.items() if _is_suggestible(person, reasons[id], now)]
        return [{"account": people[id].account(), "reason": reasons[id]} for id in shown[:limit]]

    async def dismiss(self, user: str, id: str) -> None:
        """Suggest somebody no more. Two state calls."""
        await self._repository.dismissed.update(
            user, lambda kept: (kept or DismissedSuggestions()).with_id(id)
        )

    async def familiar(self, user: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Of those whom one follows, who follows each of some people.

        Looked for among the `MAX_FAMILIAR_CANDIDATES` newest. Three state calls.
        """
        repository = self._repository
        followed = [
            row[1]
            for row in (await repository.following.head(user)).recent[:MAX_FAMILIAR_CANDIDATES]
        ]
        pairs = [(friend, id) for id in ids for friend in followed]
        rows = await repository.state.get_many([repository.edge_key(*pair) for pair in pairs])
        found = [pair for pair in pairs if repository.decode_edge(rows, *pair).following]
        people = await repository.account_views((friend for friend, _ in found), user)
        return [
            {
                "id": id,
                "accounts": [
                    people[friend].account()
                    for friend, followed in found
                    if followed == id and friend in people and not people[friend].is_separated
                ],
            }
            for id in ids
        ]

    async def reconcile(self, id: str) -> None:
        """Make the list of the newest people say of somebody what their profile says now."""
        repository = self._repository
        seen = 0
        while (doc := await repository.users.load(id)) is not None and doc.version != seen:
            seen = doc.version
            if is_suggestible(doc.value):
                await repository.arrivals.insert(_ALL, [[id]])
            else:
                await repository.arrivals.remove(_ALL, [id])


def _is_suggestible(person: AccountView, reason: Reason, now: str) -> bool:
    if (
        person.is_separated
        or person.edge.following
        or person.edge.requested
        or person.edge.muting(now)
    ):
        return False
    active = reason == "friends_of_friends" or person.post_count.total > 0
    return active and is_suggestible(person.profile)
