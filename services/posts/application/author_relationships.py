"""The relationships between one caller and the authors of posts, as users knows them."""

from __future__ import annotations

from collections.abc import Iterable

from services.chassis.security.caller import Caller
from services.clients.users import UsersClient
from services.posts.domain.visibility import AuthorRelationship


class AuthorRelationships:
    """Loads relationships on demand, each author at most once."""

    def __init__(self, users: UsersClient, caller: Caller | None) -> None:
        self._users = users
        self._caller = caller
        self._known: dict[str, AuthorRelationship] = {}

    async def load(self, authors: Iterable[str]) -> dict[str, AuthorRelationship]:
        """Return all known relationships after loading those of some authors.

        At most one invocation, shared with other requests; none for an app without a user.
        """
        new = sorted(set(authors) - self._known.keys())
        if new and self._caller is not None and self._caller.user_id:
            answer = await self._fetch(self._caller.user_id, new)
            self._known |= dict.fromkeys(new, AuthorRelationship()) | answer
        return self._known

    async def _fetch(self, user: str, authors: list[str]) -> dict[str, AuthorRelationship]:
        found = await self._users.relationships_of(user, authors)
        return {
            author: AuthorRelationship(
                follows=row["following"],
                blocked=row["blocked_by"],
                blocking=row["blocking"],
                hidden=row["blocking"] or row["muting"],
            )
            for author, row in found.items()
        }
