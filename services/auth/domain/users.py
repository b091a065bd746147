"""Users: registration rules, roles, suspension and deletion."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field, replace

from services.auth.domain.account_mails import GIVE_UP_AFTER, Notice
from services.auth.domain.errors import InvalidFields
from services.auth.domain.one_time_tokens import OneTimeToken, check_one_time_token
from services.chassis.errors import Forbidden, RateLimited
from services.contracts.mails import MailKind
from services.shared.languages import language_code
from services.shared.usernames import MAX_USERNAME_CHARACTERS, is_username

ADMIN = "admin"
_MAX_NOTICES = 4

_RESERVED = """
    about abuse account accounts admin administrator all anonymous api app apps auth billing bot
    contact deleted dev everyone explore feed help here home info instance legal local localhost
    login logout mail media me microgram mod moderator moderators news nobody notifications null
    oauth official owner postmaster privacy public register root rules search security server
    settings shop signin signup staff status statuses streaming support sys sysadmin system tags
    team terms undefined users web webmaster www
"""
RESERVED_USERNAMES = frozenset(_RESERVED.split())
"""Names that could be mistaken for the server's own, or for a part of a URL path."""

_LOCAL = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"{_LOCAL}(?:\.{_LOCAL})*@(?:{_LABEL}\.)+[a-z][a-z0-9-]{{0,61}}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class User:
    """A registered user. Other services learn neither e-mail address nor password hash.

    `email` is reserved for the user. `unconfirmed_email` is not: several users may have the same
    one, until somebody who reads its mail confirms it.
    """

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
    """In seconds since 1970. Tokens issued before are revoked."""
    email_confirmed: bool = False
    unconfirmed_email: str = ""
    reset: OneTimeToken | None = None
    confirmation: OneTimeToken | None = None
    notices: list[Notice] = field(default_factory=list)
    """The last mails that changes of the user caused, oldest first."""

    @property
    def is_admin(self) -> bool:
        """Whether the user may moderate."""
        return self.role == ADMIN and not self.suspended

    @property
    def is_active(self) -> bool:
        """Whether the user may get tokens."""
        return not (self.deleted or self.suspended)

    def with_role(self, role: str, now: int) -> User:
        """Return the user with a role, or without one. Removing a role revokes all tokens."""
        if self.deleted or role == self.role:
            return self
        after = replace(self, role=role)
        return after if role else after.with_tokens_revoked(now)

    def suspend(self, now: int) -> User:
        """Return the user suspended, with all tokens revoked. Raises `Forbidden` for an admin."""
        if self.role == ADMIN:
            raise Forbidden("An admin cannot be suspended. Remove the role first.")
        if self.suspended or self.deleted:
            return self
        return replace(self, suspended=True).with_tokens_revoked(now)

    def unsuspend(self) -> User:
        """Return the user without a suspension. Revoked tokens stay revoked."""
        return replace(self, suspended=False) if self.suspended else self

    def with_tokens_revoked(self, now: int) -> User:
        """Return the user with all tokens revoked, also those issued a moment ago.

        New tokens are issued in a later second than all others.
        """
        return replace(self, tokens_from=max(self.tokens_from, now) + 1)

    def end_sessions(self, now: int) -> User:
        """Return the user with all tokens revoked, as they wish.

        Raises `RateLimited` for the third time in a second: the next token would be issued so far
        ahead of the clock that no service accepts it yet.
        """
        if self.tokens_from > now + 1:
            raise RateLimited("You did this a moment ago. Try again in a moment.", retry_after=1)
        return self.with_tokens_revoked(now)

    def change_password(self, password_hash: str, now: int) -> User:
        """Return the user with another password and all tokens revoked. Raises `RateLimited`.

        A link to a new password that was sent before stops working.
        """
        changed = replace(self.end_sessions(now), password_hash=password_hash, reset=None)
        return changed.notify("password_changed", now)

    def with_reset(self, token: OneTimeToken) -> User:
        """Return the user with a link to a new password, in place of an earlier one."""
        return replace(self, reset=token) if self.is_active else self

    def with_confirmation(self, email: str, token: OneTimeToken) -> User:
        """Return the user with a link that confirms an address, if it still is to be confirmed."""
        is_due = self.is_active and self.email_to_confirm == email
        return replace(self, confirmation=token) if is_due else self

    def reset_password(self, token: str, password_hash: str, now: int) -> User:
        """Return the user with another password, for the token of a link.

        Raises `InvalidLink`, or `RateLimited`.
        """
        self.check_reset(token, now)
        return self.change_password(password_hash, now)

    def check_reset(self, token: str, now: int) -> None:
        """Raise `InvalidLink` unless the token resets the password of this user."""
        check_one_time_token(self.reset if self.is_active else None, token, now)

    @property
    def email_to_confirm(self) -> str:
        """The address to which a link for its confirmation is sent; empty if there is none."""
        return self.unconfirmed_email or ("" if self.email_confirmed else self.email)

    def confirm_email(self, token: str, now: int) -> User:
        """Return the user with a confirmed address. The former one gets a notice.

        A link to a new password that was sent to the former address stops working. Raises
        `InvalidLink`.
        """
        check_one_time_token(self.confirmation if self.is_active else None, token, now)
        email, former = self.email_to_confirm, self.email
        changed = replace(
            self,
            email=email,
            email_confirmed=True,
            unconfirmed_email="",
            confirmation=None,
            reset=None,
        )
        is_new = former not in ("", email)
        return changed.notify("email_changed", now, former) if is_new else changed

    def change_email(self, email: str, now: int) -> User:
        """Return the user with an address to confirm. The present one stays until then."""
        pending = "" if email == self.email else email
        changed = replace(self, unconfirmed_email=pending, confirmation=None)
        return changed.notify("email_confirmation", now) if changed.email_to_confirm else changed

    def notify(self, kind: MailKind, now: int, address: str = "") -> User:
        """Return the user with a mail to be sent.

        Its time is later than that of all others, so that it identifies the mail.
        """
        recent = [one for one in self.notices if now - one.at < GIVE_UP_AFTER]
        at = max([now, *(one.at + 1 for one in recent)])
        return replace(self, notices=[*recent[1 - _MAX_NOTICES :], Notice(kind, at, address)])

    def matches_login(self, login: str) -> bool:
        """Return whether a normalized username or e-mail address is this user's."""
        return bool(login) and login in (self.username.lower(), self.email)

    def delete(self, now: int) -> User:
        """Return the tombstone. Name and address stay until their reservations are released."""
        if self.deleted:
            return self
        return replace(
            self.with_tokens_revoked(now),
            password_hash="",
            locale="",
            role="",
            deleted=True,
            unconfirmed_email="",
            reset=None,
            confirmation=None,
            notices=[],
        )


@dataclass(frozen=True, slots=True)
class NewUser:
    """A valid registration. Its username or address may be taken."""

    username: str
    email: str
    password: str
    locale: str = "en"

    @property
    def username_key(self) -> str:
        """The form in which usernames are compared."""
        return self.username.lower()


def validate_registration(
    username: str, email: str, password: str, *, agreement: bool, locale: str = "en"
) -> NewUser:
    """Validate every field. Raises `InvalidFields` that lists all errors at once."""
    mail = normalize_email(email)
    errors = {
        "username": _username_errors(username),
        "email": email_errors(mail),
        "password": password_errors(password, username, mail),
        "agreement": [] if agreement else ["must be accepted"],
    }
    if any(errors.values()):
        raise InvalidFields({field: found for field, found in errors.items() if found})
    return NewUser(username, mail, password, language_code(locale) or "en")


def normalize_email(text: str) -> str:
    """Return the form in which e-mail addresses are compared."""
    return text.strip().lower()


def normalize_login(text: str) -> str:
    """Return the form in which logins (usernames or e-mail addresses) are compared."""
    return text.strip().removeprefix("@").lower()


def normalize_password(text: str) -> str:
    """Return the Unicode form in which passwords are compared (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", text)


def _username_errors(username: str) -> list[str]:
    if not username:
        return ["can't be blank"]
    if len(username) > MAX_USERNAME_CHARACTERS:
        return [f"is too long (maximum is {MAX_USERNAME_CHARACTERS} characters)"]
    if not is_username(username):
        return ["must contain only letters, numbers and underscores"]
    return ["is reserved"] if username.lower() in RESERVED_USERNAMES else []


def email_errors(mail: str) -> list[str]:
    """Return what is wrong with a normalized address."""
    return [] if _is_email(mail) else ["is not an e-mail address"]


def _is_email(mail: str) -> bool:
    local = mail.partition("@")[0]
    return len(mail) <= 254 and len(local) <= 64 and _EMAIL.fullmatch(mail) is not None


def password_errors(password: str, username: str, mail: str) -> list[str]:
    """Return what is wrong with a password that a user chose."""
    if len(password) < 8:
        return ["is too short (minimum is 8 characters)"]
    if len(password) > 256:
        return ["is too long (maximum is 256 characters)"]
    if password.lower() in (username.lower(), mail):
        return ["must not be the username or the e-mail address"]
    return []
