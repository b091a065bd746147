"""The sessions of a user: a record of every valid token of theirs, in one document."""

from __future__ import annotations

import unicodedata
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Literal

from services.contracts.logins import MAX_USER_AGENT_CHARACTERS, WEB_CLIENT_ID

MAX_SESSIONS = 50
"""Of one user. A further login ends the oldest."""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A token that was issued to a user, without the token. Times are in seconds since 1970.

    `client_id` is empty for a session of the page of archives. `family` is the key of the refresh
    tokens of the session, if it has any; then `expires_at` is the end of the newest of these.
    """

    token_id: str
    client_id: str
    created_at: int
    expires_at: int
    user_agent: str = ""
    family: str = ""

    @property
    def kind(self) -> Literal["web", "app", "archive"]:
        """Whether it is of the web app, of any other app, or of the page of archives."""
        if not self.client_id:
            return "archive"
        return "web" if self.client_id == WEB_CLIENT_ID else "app"


@dataclass(frozen=True, slots=True)
class SessionRecords:
    """The records of a user, oldest first. Some may be of tokens that no longer work."""

    records: list[SessionRecord] = field(default_factory=list)

    def valid(self, now: int, tokens_from: int) -> list[SessionRecord]:
        """Return those that have not expired, and were issued from `tokens_from` on."""
        return [
            one for one in self.records if one.expires_at > now and one.created_at >= tokens_from
        ]

    def surplus(self, now: int, tokens_from: int) -> list[SessionRecord]:
        """Return the oldest valid ones, which must be revoked before another is added."""
        valid = self.valid(now, tokens_from)
        return valid[: max(0, len(valid) - MAX_SESSIONS + 1)]

    def add(
        self, new: SessionRecord, revoked: Container[str], now: int, tokens_from: int
    ) -> SessionRecords:
        """Add a record, and drop those that are revoked or no longer valid.

        Raises `TooManySessions` if there is no place until more are revoked.
        """
        kept = [
            one
            for one in self.valid(now, tokens_from)
            if one.token_id not in revoked and one.token_id != new.token_id
        ]
        if len(kept) >= MAX_SESSIONS:
            raise TooManySessions
        return SessionRecords([*kept, new])

    def replace(
        self, old_id: str, new: SessionRecord, now: int, tokens_from: int
    ) -> SessionRecords:
        """Put a record in the place of a valid one. Without such a one, nothing changes."""
        valid = self.valid(now, tokens_from)
        if old_id not in {one.token_id for one in valid}:
            return self
        return SessionRecords([new if one.token_id == old_id else one for one in valid])

    def remove_family(self, family: str) -> SessionRecords:
        """Return the records without those of a family of refresh tokens."""
        return SessionRecords([one for one in self.records if one.family != family])

    def remove(self, token_id: str) -> SessionRecords:
        """Return the records without that of a token."""
        return SessionRecords([one for one in self.records if one.token_id != token_id])


class TooManySessions(Exception):
    """Other logins took the places of the sessions that were revoked. Revoke again."""


def clean_user_agent(text: str) -> str:
    """Return a user agent as one line of visible text, with a bounded length."""
    visible = (" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    return " ".join("".join(visible).split())[:MAX_USER_AGENT_CHARACTERS]
