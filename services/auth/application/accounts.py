"""Roles, suspensions and passwords, and the tokens that their changes revoke."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from services.auth.domain.errors import InvalidLink, PasswordChanged
from services.auth.domain.tokens import TOKEN_TTL
from services.auth.domain.users import User, normalize_login
from services.auth.repository import Repository
from services.chassis.errors import NotFound
from services.chassis.ids import Clock
from services.chassis.security.audit import SecurityEvent, security_event
from services.chassis.security.token_verifier import user_revocation
from services.shared.usernames import is_username


class AccountService:
    """Changes roles, suspensions and passwords, and deletes users.

    The user document is the source of truth; the revocation log is derived from it. The log is
    updated right after each change, and again when the event of the change arrives, so that after a
    crash between the two no token stays valid.
    """

    def __init__(self, repository: Repository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def find(self, user_ids: Iterable[str]) -> list[User]:
        """Return the users that exist. One state call."""
        found = await self._repository.users.get_many(user_ids)
        return [user for user in found.values() if not user.deleted]

    async def find_versioned(self, user_ids: Iterable[str]) -> list[tuple[User, int]]:
        """Return users, also deleted ones, with their versions. At most one state call."""
        ids = list(user_ids)
        found = await self._repository.users.load_many(ids) if ids else {}
        return [(document.value, document.version) for document in found.values()]

    async def find_versioned_by_name(self, usernames: Iterable[str]) -> list[tuple[User, int]]:
        """Return the users with these usernames. Two state calls, or one if there are none."""
        names = {name.lower() for name in usernames if is_username(name)}
        reserved = await self._repository.username_reservations.get_many(names) if names else {}
        found = await self.find_versioned({one.user_id for one in reserved.values()} - {""})
        return [
            (user, version)
            for user, version in found
            if user.username.lower() in names and not user.deleted
        ]

    async def find_by_login(self, login: str) -> User:
        """Return the user with a username or address. Raises `NotFound`. Two state calls."""
        return _existing(await self._repository.find_user(normalize_login(login)))

    async def set_role(self, username: str, role: str) -> User:
        """Set or remove the role of a user. Raises `NotFound`."""
        user = await self.find_by_login(username)
        return await self._change(
            "role_changed",
            user.user_id,
            lambda kept: kept.with_role(role, self.now()),
            reason=role or "none",
        )

    async def suspend(self, user_id: str, actor: str) -> User:
        """Suspend a user. Raises `NotFound`, and `Forbidden` for admins. Five state calls.

        `actor` is the id of the admin, here and in `unsuspend`.
        """
        return await self._change(
            "account_suspended", user_id, lambda kept: kept.suspend(self.now()), actor
        )

    async def unsuspend(self, user_id: str, actor: str) -> User:
        """End a suspension. Raises `NotFound`."""
        return await self._change("account_unsuspended", user_id, User.unsuspend, actor)

    async def end_sessions(self, user_id: str) -> User:
        """Revoke all tokens of a user, as they wish. Raises `NotFound` or `RateLimited`."""
        return await self._change(
            "sessions_ended", user_id, lambda kept: kept.end_sessions(self.now()), user_id
        )

    async def change_password(self, user: User, password_hash: str) -> User:
        """Set the hash of another password, and revoke all tokens of the user.

        `user` is as the present password was checked. Raises `PasswordChanged` if the password has
        changed since, `NotFound`, or `RateLimited`.
        """

        def change(kept: User) -> User:
            if kept.password_hash != user.password_hash or kept.suspended:
                raise PasswordChanged
            return kept.change_password(password_hash, self.now())

        return await self._change("password_changed", user.user_id, change, user.user_id)

    async def reset_password(self, user_id: str, token: str, password_hash: str) -> User:
        """Set the hash of another password for the token of a link, and revoke all tokens.

        One commit uses the token up, so of two requests at once one wins. Raises `InvalidLink`, or
        `RateLimited`.
        """
        return await self._change(
            "password_reset",
            user_id,
            lambda kept: kept.reset_password(token, password_hash, self.now()),
        )

    async def change_email(self, user_id: str, email: str) -> User:
        """Set an address to confirm. Raises `NotFound`."""
        return await self._change(
            "email_change_requested",
            user_id,
            lambda kept: kept.change_email(email, self.now()),
            user_id,
        )

    async def confirm_email(self, user_id: str, email: str, token: str) -> User:
        """Confirm the address to which a link was sent. Raises `InvalidLink`."""

        def confirm(kept: User) -> User:
            if kept.email_to_confirm != email:
                raise InvalidLink
            return kept.confirm_email(token, self.now())

        return await self._change("email_confirmed", user_id, confirm)

    async def delete(self, user_id: str) -> None:
        """Delete a user, and revoke their tokens."""
        is_new = False

        def delete(kept: User | None) -> User | None:
            nonlocal is_new
            is_new = kept is not None and not kept.deleted
            return kept.delete(self.now()) if kept else None

        deleted = await self._repository.users.update(user_id, delete)
        if is_new:
            security_event("account_deleted", subject=user_id, actor=user_id)
        if deleted is not None:
            await self._revoke_tokens(deleted)

    async def reconcile_revocations(self, user_id: str) -> None:
        """Bring the revocation log in line with the user document. Safe to repeat."""
        user = await self._repository.users.get(user_id)
        if user is not None:
            await self._revoke_tokens(user)

    async def _change(
        self,
        event: SecurityEvent,
        user_id: str,
        change: Callable[[User], User],
        actor: str = "",
        reason: str = "",
    ) -> User:
        """Change a user, log the event if that changed something, and revoke tokens."""
        has_changed = False

        def apply(kept: User | None) -> User:
            nonlocal has_changed
            before = _existing(kept)
            after = change(before)
            has_changed = after is not before
            return after

        changed = _existing(await self._repository.users.update(user_id, apply))
        if has_changed:
            security_event(event, subject=user_id, actor=actor, reason=reason)
        await self._revoke_tokens(changed)
        return changed

    async def _revoke_tokens(self, user: User) -> None:
        if user.tokens_from:
            entry = user_revocation(user.user_id, user.tokens_from)
            expires_at = user.tokens_from + TOKEN_TTL
            await self._repository.revocations.append(entry, expires_at, self.now())

    def now(self) -> int:
        """Return the time in seconds since 1970."""
        return int(self._clock().timestamp())


def _existing(user: User | None) -> User:
    if user is None or user.deleted:
        raise NotFound("There is no user with this name or id.")
    return user
