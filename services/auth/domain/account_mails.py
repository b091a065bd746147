"""Mails about accounts: what is to be sent, and how often."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.contracts.mails import MailKind

REQUEST_TTL = 24 * 3600
"""Seconds for which a request is kept."""

GIVE_UP_AFTER = 3600
"""Seconds after which a mail that could not be sent is of no use."""

MIN_INTERVAL = 600
"""Seconds between two mails that strangers may cause, of one kind to one address. A link that is
older than this still works, so nobody can keep a user from having one."""

_FIRST_RETRY, _MAX_RETRY_DELAY = 5, 300


@dataclass(frozen=True, slots=True)
class MailRequest:
    """A mail to be sent, without any secret. The token of its link is made when it is sent.

    A reset is requested for the hash of an address, whether or not a user has it. `address` is that
    of a mail to an address that the user no longer has. Times are in seconds since 1970.
    """

    kind: MailKind
    at: int
    user_id: str = ""
    address_key: str = ""
    address: str = ""
    app: str = ""
    user_agent: str = ""
    tries: int = 0
    next_try_at: int = 0
    done: bool = False

    def is_outdated(self, now: int) -> bool:
        """Return whether it is too late to send it."""
        return now - self.at > GIVE_UP_AFTER

    def failed(self, now: int) -> MailRequest:
        """Return the request after a failed attempt. The pause before the next doubles."""
        pause = min(_FIRST_RETRY * 2 ** min(self.tries, 10), _MAX_RETRY_DELAY)
        return replace(self, tries=self.tries + 1, next_try_at=now + pause)

    def finished(self) -> MailRequest:
        """Return the request once it was sent, or needs no mail."""
        return replace(self, done=True, address="")


@dataclass(frozen=True, slots=True)
class Notice:
    """A mail that a change of a user causes. It is part of the user document.

    So it is committed with the change, and not lost if the process dies after it.
    """

    kind: MailKind
    at: int
    address: str = ""


@dataclass(frozen=True, slots=True)
class LastMail:
    """The last mail of one kind to one address that strangers can cause, and when it was sent."""

    at: int
    request_id: str


class MailedRecently(Exception):
    """Such a mail was sent a moment ago."""


def allow_mail(kept: LastMail | None, request_id: str, now: int) -> LastMail:
    """Return the record of a further mail, or of a further attempt. Raises `MailedRecently`."""
    is_other = kept is not None and kept.request_id != request_id
    if kept is not None and is_other and now - kept.at < MIN_INTERVAL:
        raise MailedRecently
    return LastMail(now, request_id)
