"""E-mail digests: who wants them, when the next is due, and what the last one told.

One document per person. `told` is the newest notification that a digest surely told; `tried` the
newest of one whose outcome nobody knows, because the process died or the mail server did not
answer. Such a digest is never sent again as it was: what it told comes once more with something
newer, if it is unread then. `place` is the row in the list of what is due, and says when that is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

LEASE_TTL = 120.0
"""For how many seconds a replica has one digest to itself; sending one takes far less."""

_FIRST_RETRY_DELAY = 60.0


@dataclass(frozen=True, slots=True)
class DigestRecord:
    """The document `digest:OWNER`. `key` stands in the link by which it is switched off."""

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
        """Only what is newer is told, with what somebody has read."""
        return max(self.told, read)

    def has_news(self, newest: str) -> bool:
        """Whether there is something that no digest has tried to tell."""
        return newest > max(self.told, self.tried)


def enable(kept: DigestRecord | None, place: str, key: str) -> DigestRecord:
    """Wanted from now on; as it is, if it was before."""
    if kept is not None and kept.on:
        return kept
    return replace(kept or DigestRecord(), on=True, place=place, key=key, troubles=0)


def disable(kept: DigestRecord | None) -> DigestRecord | None:
    """Wanted no more."""
    return replace(kept, on=False, key="", place="") if kept else None


def acquire_lease(kept: DigestRecord, place: str, holder: str, now: float) -> DigestRecord:
    """Take the work on it, unless somebody has it, or it is due at another time by now."""
    if not kept.on or kept.place != place or now < kept.held_until:
        return kept
    return replace(kept, holder=holder, held_until=now + LEASE_TTL)


def begin_sending(kept: DigestRecord, holder: str, newest: str, now: float) -> DigestRecord:
    """About to be sent, so that nobody sends it again; as it is, if that is not ours to do."""
    if not kept.on or kept.holder != holder or now >= kept.held_until - LEASE_TTL / 2:
        return kept
    return replace(kept, tried=newest, before=kept.tried)


def reschedule(
    kept: DigestRecord, holder: str, place: str, *, told: str = "", failed: bool = False
) -> DigestRecord:
    """Due again at `place`: it was sent, there was no news, or it failed for certain."""
    if kept.holder != holder:
        return kept
    done = replace(kept, place=place if kept.on else "", holder="", held_until=0.0)
    if failed:
        return replace(done, tried=kept.before, troubles=kept.troubles + 1)
    return replace(done, told=max(told, kept.told), troubles=0)


def retry_delay(troubles: int, interval: float) -> float:
    """After how many seconds a digest that failed is tried again: one minute, two, four."""
    return min(interval, _FIRST_RETRY_DELAY * 2.0 ** min(troubles, 20))
