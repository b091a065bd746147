"""Suggestions of accounts to follow, and familiar followers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.chassis.converge import converge
from services.chassis.ids import timestamp
from services.chassis.storage.documents import Document
from services.users.domain.account_view import AccountView
from services.users.domain.profiles import UserProfile
from services.users.domain.suggestions import (
    MAX_FOLLOWED_EACH,
    MAX_FOLLOWED_SCANNED,
    MAX_NEWEST,
    DismissedSuggestions,
    Reason,
    candidates,
    is_suggestible,
)
from services.users.repository import Repository, decode_document

MAX_FAMILIAR_CANDIDATES = 80
"""Followed accounts, the newest first, among which familiar followers are found."""

_ALL = "all"


class SuggestionService:
    """Finds accounts. The cost does not depend on the number of accounts."""

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
        views = await repository.account_views(reasons, user)
        now = timestamp()
        shown = [id for id, view in views.items() if _is_shown(view, reasons[id], now)]
        return [{"account": views[id].account(), "reason": reasons[id]} for id in shown[:limit]]

    async def dismiss(self, user: str, id: str) -> None:
        """Stop suggesting an account. Two state calls."""
        await self._repository.dismissed.update(
            user, lambda kept: (kept or DismissedSuggestions()).with_id(id)
        )

    async def familiar(self, user: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return the followers of each account whom the user follows.

        They are found among the `MAX_FAMILIAR_CANDIDATES` newest follows. Three state calls.
        """
        repository = self._repository
        head = await repository.following.head(user)
        followed = [row[1] for row in head.recent[:MAX_FAMILIAR_CANDIDATES]]
        pairs = [(friend, id) for id in ids for friend in followed]
        rows = await repository.state.get_many([repository.edge_key(*pair) for pair in pairs])
        found = [pair for pair in pairs if repository.decode_edge(rows, *pair).following]
        views = await repository.account_views((friend for friend, _ in found), user)
        return [
            {
                "id": id,
                "accounts": [
                    views[friend].account()
                    for friend, followed in found
                    if followed == id and friend in views and not views[friend].is_separated
                ],
            }
            for id in ids
        ]

    async def reconcile(self, id: str) -> None:
        """Bring the list of the newest accounts in line with a profile."""
        await converge(
            lambda: self._repository.users.load(id),
            lambda document: self._update_arrivals(id, document),
            what=f"The profile of account {id}",
        )

    async def _update_arrivals(self, id: str, document: Document[UserProfile]) -> None:
        if is_suggestible(document.value):
            await self._repository.arrivals.insert(_ALL, [[id]])
        else:
            await self._repository.arrivals.remove(_ALL, [id])


def _is_shown(view: AccountView, reason: Reason, now: str) -> bool:
    edge = view.edge
    if view.is_separated or edge.following or edge.requested or edge.muting(now):
        return False
    is_active = reason == "friends_of_friends" or view.post_count.total > 0
    return is_active and is_suggestible(view.profile)
