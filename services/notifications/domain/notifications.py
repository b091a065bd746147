"""A notification: one for each cause, however often and in whatever order the news of it comes.

The document's id is derived from the cause, its place in lists is decided once and remembered. What
is taken back and made again (a like, a follow) is told of again, at a new place; from the
`MAX_PAST_IDS`-th time on it only comes back where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Row = list[str]
"""`[id, type, account, post or "", the document's id]`"""

SHOP_TYPES = frozenset({"order", "payment"})
"""Types that Mastodon does not have. Their rows have an order in the place of a post, and what
became of it at the end of the document's id."""

MAX_PAST_IDS = 8
"""How many places a notification may have had before."""

ID, TYPE, ACCOUNT, POST, KEY = range(5)


@dataclass(frozen=True, slots=True)
class Cause:
    """What somebody may have to be told of, as one source says.

    `version` is that of the source's document, `making` tells one like of a post from a later one.
    """

    key: str
    owner: str
    type: str
    account: str
    source: str
    post: str = ""
    version: int = 1
    making: str = ""
    on: bool = True


@dataclass(frozen=True, slots=True)
class CauseState:
    """What a source said last."""

    version: int
    on: bool


@dataclass(frozen=True, slots=True)
class NotificationRecord:
    """The document `notification:KEY`. `id` is its place in lists, empty while it was never on."""

    owner: str
    type: str
    account: str
    post: str = ""
    id: str = ""
    making: str = ""
    reasons: dict[str, CauseState] = field(default_factory=dict)
    dismissed: bool = False
    past: tuple[str, ...] = ()

    @property
    def on(self) -> bool:
        """Whether there still is a reason for it."""
        return any(reason.on for reason in self.reasons.values())

    @property
    def position(self) -> str:
        """Its place in the list while it is shown, else nothing."""
        return self.id if self.on and not self.dismissed else ""

    @property
    def removed_ids(self) -> tuple[str, ...]:
        """The places that the list may not hold."""
        return self.past if self.position or not self.id else (*self.past, self.id)

    def row(self, key: str) -> Row:
        """Its row in the list."""
        return [self.id, self.type, self.account, self.post, key]


def apply_cause(
    known: NotificationRecord | None, cause: Cause, id: str, *, quiet: bool
) -> NotificationRecord | None:
    """What there is to tell after a source has spoken.

    `id` is a new place; `quiet`: the owner is not to be told of what is made now. None where
    nothing was, and nothing is.
    """
    if known is None:
        if not cause.on and cause.version == 1:
            return None
        known = NotificationRecord(cause.owner, cause.type, cause.account, cause.post)
    before = known.reasons.get(cause.source, CauseState(0, on=False))
    anew = cause.on and (not known.id or cause.making != known.making)
    if cause.version <= before.version or (before.on and cause.on and not (anew or known.past)):
        return known
    reasons = {**known.reasons, cause.source: CauseState(cause.version, cause.on)}
    known = replace(known, reasons=reasons)
    if not anew or len(known.past) >= MAX_PAST_IDS:
        return known
    return replace(
        known,
        id=id,
        type=cause.type,
        making=cause.making,
        dismissed=quiet,
        past=(*known.past, known.id) if known.id else (),
    )


def dismiss(known: NotificationRecord | None, id: str) -> NotificationRecord | None:
    """Put away, unless it has been made anew since."""
    return replace(known, dismissed=True) if known and known.id == id else known


@dataclass(frozen=True, slots=True)
class NotificationCriteria:
    """Which notifications are wanted: of some types (`None` is all), not of others, by somebody."""

    types: frozenset[str] | None = None
    without: frozenset[str] = frozenset()
    account: str = ""

    def matches(self, row: Row) -> bool:
        """Whether a row is wanted."""
        if self.types is not None and row[TYPE] not in self.types:
            return False
        return row[TYPE] not in self.without and self.account in ("", row[ACCOUNT])


def subject_fields(type: str, subject: str, what: str) -> dict[str, str | None]:
    """The fields that say what a notification is about, a post or an order."""
    if type in SHOP_TYPES:
        return {"post": None, "order": subject, "what": what}
    return {"post": subject or None, "order": None, "what": ""}


def to_public(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """What others hear of a document as JSON, but for what follows from its id; None for nothing.

    Nobody hears of what was never on.
    """
    if not data["id"]:
        return None
    on = any(reason["on"] for reason in data["reasons"].values())
    return {
        "id": data["id"],
        "owner": data["owner"],
        "type": data["type"],
        "account": data["account"],
        **subject_fields(data["type"], data["post"], data["making"]),
        "dismissed": data["dismissed"] or not on,
    }
