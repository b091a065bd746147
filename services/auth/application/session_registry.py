"""The registry of sessions: which tokens of a user exist, so that the user can end them.

A record is written before its token is signed, so a crash leaves a record of a token that nobody
holds, and never a token that works and is not listed. A token is revoked before its record is
removed, for the same reason. Tokens that were issued before the registry existed are not listed;
`SessionService.end_others` and a change of the password revoke them as well.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from services.auth.application.tokens import SignedToken, TokenIssuer
from services.auth.domain.clients import OAuthClient
from services.auth.domain.errors import LoginOutdated
from services.auth.domain.refresh_tokens import ACCESS_TTL
from services.auth.domain.sessions import (
    SessionRecord,
    SessionRecords,
    TooManySessions,
    clean_user_agent,
)
from services.auth.domain.tokens import AccessToken
from services.auth.domain.users import User
from services.auth.repository import Repository
from services.chassis.errors import RateLimited
from services.chassis.security.audit import security_event

_MAX_ATTEMPTS = 8
"""Attempts to get a place in a full list, while other logins take it."""


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session, and its app. Sessions of the page of archives have no app."""

    record: SessionRecord
    app: OAuthClient | None


class SessionRegistry:
    """Records the tokens of users, and revokes them."""

    def __init__(self, repository: Repository, tokens: TokenIssuer) -> None:
        self._repository = repository
        self._tokens = tokens

    def record(
        self, token: AccessToken, user_agent: str, expires_at: int, family: str = ""
    ) -> SessionRecord:
        """Return the record of a token, listed until `expires_at`."""
        return SessionRecord(
            token.id,
            token.client_id,
            token.issued_at,
            expires_at,
            clean_user_agent(user_agent),
            family,
        )

    async def issue(
        self, token: AccessToken, user: User, user_agent: str, record: SessionRecord | None = None
    ) -> SignedToken:
        """Record a token, and sign it. `user` is as they were when they proved who they are.

        Raises `LoginOutdated` if all tokens of the user were revoked since. Three state calls, and
        three for each session above `MAX_SESSIONS`.
        """
        record = record or self.record(token, user_agent, token.expires_at)
        await self._add(user, record)
        return await self._sign(token, user, record)

    async def replace(
        self, old_id: str, token: AccessToken, user: User, record: SessionRecord
    ) -> SignedToken:
        """Revoke the access token of a session, and sign the next one in its place.

        Raises `LoginOutdated` if the session was ended. Six state calls.
        """
        await self._tokens.revoke(old_id, token.expires_at)
        kept = await self._repository.sessions.update(
            user.user_id,
            lambda kept: (
                kept.replace(old_id, record, token.issued_at, user.tokens_from) if kept else None
            ),
        )
        if kept is None or record not in kept.records:
            raise LoginOutdated
        return await self._sign(token, user, record)

    async def _sign(self, token: AccessToken, user: User, record: SessionRecord) -> SignedToken:
        """Sign a listed token, unless all tokens of the user were revoked meanwhile."""
        current = await self._repository.users.get(user.user_id)
        if current is None or not current.is_active or current.tokens_from != user.tokens_from:
            await self._withdraw(current, record.token_id, user.user_id)
            raise LoginOutdated
        return await self._tokens.sign(token)

    async def find(self, user_id: str, token_id: str) -> SessionRecord | None:
        """Return the record of a token, if it is listed. One state call."""
        kept = await self._repository.sessions.get(user_id)
        records = kept.records if kept else []
        return next((one for one in records if one.token_id == token_id), None)

    async def valid_records(self, user_id: str) -> list[SessionRecord]:
        """Return the records of a user's valid tokens, newest first. Two state calls."""
        user, kept = await asyncio.gather(
            self._repository.users.get(user_id), self._repository.sessions.get(user_id)
        )
        if user is None or kept is None or not user.is_active:
            return []
        return kept.valid(self._tokens.now(), user.tokens_from)[::-1]

    async def list_sessions(self, user_id: str) -> list[ListedSession]:
        """Return a user's sessions with their apps, newest first. Three state calls."""
        records = await self.valid_records(user_id)
        ids = {one.client_id for one in records if one.client_id}
        apps = await self._repository.clients.get_many(ids) if ids else {}
        return [ListedSession(one, apps.get(one.client_id)) for one in records]

    async def revoke(self, user_id: str, token_id: str, expires_at: int, reason: str) -> None:
        """Revoke a token, and remove its record. Its refresh tokens end too. Safe to repeat.

        Six state calls at most, and five for refresh tokens. `reason` is a code for the security
        log.
        """
        record = await self.find(user_id, token_id) if user_id else None
        await self._tokens.revoke(token_id, expires_at)
        if record is not None and record.family:
            await self.end_family(user_id, record.family, reason)
            return
        security_event("token_revoked", subject=user_id, reason=reason)
        if user_id:
            await self._remove(user_id, token_id)

    async def end_family(self, user_id: str, key: str, reason: str) -> None:
        """End the refresh tokens of a session, and revoke its newest access token. Safe to repeat.

        The family ends first. So a refresh at the same time finds it ended, or has said which
        access token is the newest; then it finds no session to continue. The listed token is
        another one if a process died during a refresh.
        """
        family = await self._repository.refresh_families.update(
            key, lambda kept: kept.end() if kept else None
        )
        if family is not None:
            kept = await self._repository.sessions.get(user_id)
            listed = {one.token_id for one in kept.records if one.family == key} if kept else set()
            for token_id in {family.token_id, *listed}:
                await self._tokens.revoke(token_id, self._tokens.now() + ACCESS_TTL)
            security_event(
                "token_revoked", subject=user_id, client_id=family.client_id, reason=reason
            )
        await self._repository.sessions.update(
            user_id, lambda kept: kept.remove_family(key) if kept else None
        )

    async def delete_all(self, user_id: str) -> None:
        """Delete the records of a deleted user. Safe to repeat."""
        await self._repository.sessions.delete(user_id)

    async def _add(self, user: User, record: SessionRecord) -> None:
        for _ in range(_MAX_ATTEMPTS):
            with contextlib.suppress(TooManySessions):
                return await self._try_to_add(user, record)
        raise RateLimited("Too many logins of this user. Try again in a moment.", retry_after=1)

    async def _try_to_add(self, user: User, record: SessionRecord) -> None:
        known = await self._repository.sessions.load(user.user_id)
        now = record.created_at
        surplus = known.value.surplus(now, user.tokens_from) if known else []
        for old in surplus:
            await self._tokens.revoke(old.token_id, old.expires_at)
            security_event("token_revoked", subject=user.user_id, reason="too_many_sessions")
        revoked = {old.token_id for old in surplus}

        def add(kept: SessionRecords | None) -> SessionRecords:
            return (kept or SessionRecords()).add(record, revoked, now, user.tokens_from)

        await self._repository.sessions.update(
            user.user_id, add, expect_absent=known is None, known=known
        )

    async def _withdraw(self, current: User | None, token_id: str, user_id: str) -> None:
        """Remove the record of a token that is not handed out."""
        if current is None or current.deleted:
            await self.delete_all(user_id)
        else:
            await self._remove(user_id, token_id)

    async def _remove(self, user_id: str, token_id: str) -> None:
        await self._repository.sessions.update(
            user_id, lambda kept: kept.remove(token_id) if kept else None
        )
