"""Roles and suspensions, and the tokens that end with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from services.auth.domain.tokens import TOKEN_TTL
from services.auth.domain.users import User, is_username, normalize_login
from services.auth.repository import Repository
from services.chassis.consuming.events import CloudEvent
from services.chassis.errors import NotFound
from services.chassis.security.token_verifier import user_revocation
from services.contracts.events import LOGIN_REGISTERED


class AccountService:
    """Decides who is in. The person's document is the truth; the list of the revoked follows it.

    It is followed at once, and again when the news of the commit comes back, so that a crash
    between the two lets nobody keep a token.
    """

    def __init__(self, repository: Repository, clock: Callable[[], datetime]) -> None:
        self._repository = repository
        self._clock = clock

    async def find_users(self, user_ids: Iterable[str]) -> list[User]:
        """Those of some people who are registered. One state call."""
        found = await self._repository.users.get_many(user_ids)
        return [user for user in found.values() if not user.deleted]

    async def users_with_versions(self, user_ids: Iterable[str]) -> list[tuple[User, int]]:
        """Some people's logins, deleted ones too, with their versions. One state call at most."""
        ids = list(user_ids)
        found = await self._repository.users.load_many(ids) if ids else {}
        return [(doc.value, doc.version) for doc in found.values()]

    async def users_with_versions_by_name(self, usernames: Iterable[str]) -> list[tuple[User, int]]:
        """As `known`, those who have some names. Two state calls, one where nobody has."""
        names = {name.lower() for name in usernames if is_username(name)}
        claims = await self._repository.username_reservations.get_many(names) if names else {}
        found = await self.users_with_versions(
            {reservation.user_id for reservation in claims.values()} - {""}
        )
        return [(one, version) for one, version in found if _is_called(one, names)]

    async def set_role(self, username: str, role: str) -> User:
        """Give somebody a role, or take it. Raises `NotFound`."""
        user = await self._repository.find_user(normalize_login(username))
        now = self._now()
        return await self._change(_there(user).user_id, lambda kept: kept.with_role(role, now))

    async def suspend(self, user_id: str) -> User:
        """Put somebody out. Raises `NotFound`, and `Forbidden` for admins. Five state calls."""
        now = self._now()
        return await self._change(user_id, lambda kept: kept.suspend(now))

    async def unsuspend(self, user_id: str) -> User:
        """Let somebody in again. Raises `NotFound`."""
        return await self._change(user_id, User.unsuspend)

    async def delete(self, user_id: str) -> None:
        """Delete a login, and end its tokens."""
        now = self._now()
        after = await self._repository.users.update(
            user_id, lambda kept: kept.delete(now) if kept else None
        )
        if after is not None:
            await self._revoke_tokens(after)

    async def on_login_changed(self, event: CloudEvent) -> None:
        """Make the list of revoked tokens follow what was committed. Safe to repeat."""
        if event.type != LOGIN_REGISTERED.name:
            return
        user = await self._repository.users.get(event.subject)
        if user is not None:
            await self._revoke_tokens(user)

    async def _change(self, user_id: str, change: Callable[[User], User]) -> User:
        after = await self._repository.users.update(user_id, lambda kept: change(_there(kept)))
        await self._revoke_tokens(_there(after))
        return _there(after)

    async def _revoke_tokens(self, user: User) -> None:
        if user.tokens_from:
            entry = user_revocation(user.user_id, user.tokens_from)
            ends = user.tokens_from + TOKEN_TTL
            await self._repository.revocations.append(entry, ends, self._now())

    def _now(self) -> int:
        return int(self._clock().timestamp())


def _there(user: User | None) -> User:
    if user is None or user.deleted:
        raise NotFound("There is nobody of that name or id.")
    return user


def _is_called(user: User, names: set[str]) -> bool:
    return user.username.lower() in names and not user.deleted
