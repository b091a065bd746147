"""Who may register, and under which name."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace

from services.auth.domain.errors import InvalidFields
from services.chassis.errors import Forbidden
from services.shared.languages import language_code

ADMIN = "admin"
ROLES = ("", ADMIN)

_RESERVED = """
    about abuse account accounts admin administrator all anonymous api app apps auth billing bot
    contact deleted dev everyone explore feed help here home info instance legal local localhost
    login logout mail media me microgram mod moderator moderators news nobody notifications null
    oauth official owner postmaster privacy public register root rules search security server
    settings shop signin signup staff status statuses streaming support sys sysadmin system tags
    team terms undefined users web webmaster www
"""
RESERVED_USERNAMES = frozenset(_RESERVED.split())
"""Names that could be taken for the server's own, or for a part of an address."""

_USERNAME = re.compile(r"[A-Za-z0-9_]{1,30}")
_LOCAL = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"{_LOCAL}(?:\.{_LOCAL})*@(?:{_LABEL}\.)+[a-z][a-z0-9-]{{0,61}}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who is registered. Of this only id, name and time are told to others."""

    user_id: str
    username: str
    email: str
    password_hash: str
    created_at: str
    locale: str = "en"
    deleted: bool = False
    role: str = ""
    suspended: bool = False
    tokens_from: int = 0
    """In seconds since 1970: tokens that were issued before are good no more."""

    @property
    def is_admin(self) -> bool:
        """Whether they may moderate."""
        return self.role == ADMIN and not self.suspended

    @property
    def is_active(self) -> bool:
        """Whether they may have a token."""
        return not (self.deleted or self.suspended)

    def with_role(self, role: str, now: int) -> User:
        """With a role, or without one. A role that is taken takes the tokens with it."""
        if self.deleted or role == self.role:
            return self
        after = replace(self, role=role)
        return after if role else after.with_tokens_revoked(now)

    def suspend(self, now: int) -> User:
        """Out until `unsuspend`, and out of everything they are logged in to."""
        if self.role == ADMIN:
            raise Forbidden("An admin cannot be suspended: take the role away first.")
        if self.suspended or self.deleted:
            return self
        return replace(self, suspended=True).with_tokens_revoked(now)

    def unsuspend(self) -> User:
        """In again; what they were logged in to stays ended."""
        return replace(self, suspended=False) if self.suspended else self

    def with_tokens_revoked(self, now: int) -> User:
        """With no token that is good any more. Later ones are issued in a later second."""
        return replace(self, tokens_from=max(self.tokens_from, now + 1))

    def matches_login(self, login: str) -> bool:
        """Whether this is the person that a name or an address in its one form means."""
        return login in (self.username.lower(), self.email)

    def delete(self, now: int) -> User:
        """The tombstone. The address stays until the claim on it was given back."""
        if self.deleted:
            return self
        return replace(
            self.with_tokens_revoked(now), password_hash="", locale="", role="", deleted=True
        )


@dataclass(frozen=True, slots=True)
class NewUser:
    """Somebody who would like to register and breaks no rule, but whose name may be taken."""

    username: str
    email: str
    password: str
    locale: str = "en"

    @property
    def username_key(self) -> str:
        """The name under which names are the same."""
        return self.username.lower()


def validate_registration(
    username: str, email: str, password: str, *, agreement: bool, locale: str = "en"
) -> NewUser:
    """Check every field. Raises `InvalidFields` that names all that is wrong at once."""
    mail = normalize_email(email)
    faults = {
        "username": _username_errors(username),
        "email": [] if _is_email(mail) else ["is not an e-mail address"],
        "password": _password_errors(password, username, mail),
        "agreement": [] if agreement else ["must be accepted"],
    }
    if any(faults.values()):
        raise InvalidFields({field: found for field, found in faults.items() if found})
    return NewUser(username, mail, password, language_code(locale) or "en")


def normalize_email(text: str) -> str:
    """An e-mail address in the form in which addresses are the same."""
    return text.strip().lower()


def normalize_login(text: str) -> str:
    """What somebody types to log in, a username or an e-mail address, in its one form."""
    return text.strip().removeprefix("@").lower()


def normalize_password(text: str) -> str:
    """The same password however a keyboard composes its characters (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", text)


def is_username(text: str) -> bool:
    """Whether a text has the shape of a username."""
    return _USERNAME.fullmatch(text) is not None


def _username_errors(username: str) -> list[str]:
    if not username:
        return ["can't be blank"]
    if len(username) > 30:
        return ["is too long (maximum is 30 characters)"]
    if not is_username(username):
        return ["must contain only letters, numbers and underscores"]
    return ["is reserved"] if username.lower() in RESERVED_USERNAMES else []


def _is_email(mail: str) -> bool:
    local = mail.partition("@")[0]
    return len(mail) <= 254 and len(local) <= 64 and _EMAIL.fullmatch(mail) is not None


def _password_errors(password: str, username: str, mail: str) -> list[str]:
    if len(password) < 8:
        return ["is too short (minimum is 8 characters)"]
    if len(password) > 256:
        return ["is too long (maximum is 256 characters)"]
    if password.lower() in (username.lower(), mail):
        return ["must not be the username or the e-mail address"]
    return []
