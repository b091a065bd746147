"""E-mail digests: who wants them, when the next one is due, and what the last one contained.

`told` is the newest notification that was certainly in a digest. `tried` is the newest one of a
digest with an unknown outcome, because the process crashed or the mail server did not answer. Such
a digest is never sent again: its notifications are sent again together with a newer one, if they
are still unread. `place` is the row in the list of due digests, which determines the time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

LEASE_TTL = 120.0
"""Seconds for which a replica has the lease of a digest. Sending takes far less."""

_FIRST_RETRY_DELAY = 60.0


@dataclass(frozen=True, slots=True)
class DigestRecord:
    """The document `digest:OWNER`. `key` is part of the link that disables digests."""

    on: bool = False
    key: str = ""
    place: str = ""
    told: str = ""
    tried: str = ""
    before: str = ""
    holder: str = ""
    held_until: float = 0.0
    troubles: int = 0

    def since(self, read: str) -> str:
        """Return the id after which notifications are sent, given the newest read one."""
        return max(self.told, read)

    def has_news(self, newest: str) -> bool:
        """Return whether there is a notification that no digest has tried to tell."""
        return newest > max(self.told, self.tried)


def enable(kept: DigestRecord | None, place: str, key: str) -> DigestRecord:
    """Return an enabled digest. An enabled one stays unchanged."""
    if kept is not None and kept.on:
        return kept
    return replace(kept or DigestRecord(), on=True, place=place, key=key, troubles=0)


def disable(kept: DigestRecord | None) -> DigestRecord | None:
    """Return a disabled digest."""
    return replace(kept, on=False, key="", place="") if kept else None


def acquire_lease(kept: DigestRecord, place: str, holder: str, now: float) -> DigestRecord:
    """Return the digest with a lease, unless another replica has one or the due time changed."""
    if not kept.on or kept.place != place or now < kept.held_until:
        return kept
    return replace(kept, holder=holder, held_until=now + LEASE_TTL)


def begin_sending(kept: DigestRecord, holder: str, newest: str, now: float) -> DigestRecord:
    """Record the intent to send, so that no replica sends it again. Requires the lease."""
    if not kept.on or kept.holder != holder or now >= kept.held_until - LEASE_TTL / 2:
        return kept
    return replace(kept, tried=newest, before=kept.tried)


def reschedule(
    kept: DigestRecord, holder: str, place: str, *, told: str = "", failed: bool = False
) -> DigestRecord:
    """Return the digest due at `place` after it was sent, had no news, or certainly failed."""
    if kept.holder != holder:
        return kept
    done = replace(kept, place=place if kept.on else "", holder="", held_until=0.0)
    if failed:
        return replace(done, tried=kept.before, troubles=kept.troubles + 1)
    return replace(done, told=max(told, kept.told), troubles=0)


def retry_delay(troubles: int, interval: float) -> float:
    """Return the seconds until a failed digest is retried: 60, 120, 240 and so on."""
    return min(interval, _FIRST_RETRY_DELAY * 2.0 ** min(troubles, 20))
