"""Notifications: one for each cause, however often and in whatever order its events come.

The document's id is derived from the cause; its position in lists is chosen once. A cause that is
withdrawn and repeated (a favourite, a follow) is notified again at a new position; after
`MAX_PAST_IDS` repetitions the notification returns to its last position.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Row = list[str]
"""`[id, type, account, post or ""]`, and the document's id if these and the owner do not make it.

Older rows have the document's id, too.
"""

SHOP_TYPES = frozenset({"order", "payment"})
"""Types that Mastodon does not have. Their rows have an order instead of a post, and its outcome
at the end of the document's id."""

MAX_PAST_IDS = 8
"""How many former positions a notification keeps."""

ID, TYPE, ACCOUNT, POST, _KEY = range(5)


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason to notify an owner, from one source.

    `version` is the version of the source's document. `making` distinguishes a favourite of a post
    from a later one.
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

    @property
    def matters(self) -> bool:
        """Whether it can change a notification. A source that was never on cannot."""
        return self.on or self.version > 1


@dataclass(frozen=True, slots=True)
class CauseState:
    """The last known state of one source."""

    version: int
    on: bool


@dataclass(frozen=True, slots=True)
class NotificationRecord:
    """The document `notification:KEY`. `id` is its position in lists, empty if it was never on."""

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
        """Whether any source still gives a reason for it."""
        return any(reason.on for reason in self.reasons.values())

    @property
    def position(self) -> str:
        """The position in the list while it is shown, otherwise empty."""
        return self.id if self.on and not self.dismissed else ""

    @property
    def removed_ids(self) -> tuple[str, ...]:
        """The positions that the list may not contain."""
        return self.past if self.position or not self.id else (*self.past, self.id)

    def row(self, key: str) -> Row:
        """Return the row in the list."""
        row = [self.id, self.type, self.account, self.post]
        return row if document_id(row, self.owner) == key else [*row, key]


def document_id(row: Row, owner: str) -> str:
    """Return the id of the document of a row in an owner's list."""
    if len(row) > _KEY:
        return row[_KEY]
    if row[TYPE] in ("follow", "follow_request"):
        return f"{owner}:follow:{row[ACCOUNT]}"
    if row[TYPE] in ("favourite", "reblog"):
        return f"{owner}:{row[TYPE]}:{row[POST]}:{row[ACCOUNT]}"
    return f"{owner}:post:{row[POST]}"


def outcome_of(row: Row) -> str:
    """Return the outcome of the order that a row is about."""
    return row[_KEY].rpartition(":")[2] if len(row) > _KEY else ""


def apply_cause(
    known: NotificationRecord | None, cause: Cause, id: str, *, quiet: bool
) -> NotificationRecord | None:
    """Return the notification after an event of a source, or None if there is none.

    `id` is a new position. `quiet` suppresses a notification that is created now.
    """
    if known is None:
        if not cause.matters:
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
    """Return a dismissed notification, unless it was renewed since."""
    return replace(known, dismissed=True) if known and known.id == id else known


@dataclass(frozen=True, slots=True)
class NotificationCriteria:
    """Which notifications are wanted: included types (`None` is all), excluded types, account."""

    types: frozenset[str] | None = None
    without: frozenset[str] = frozenset()
    account: str = ""

    def matches(self, row: Row) -> bool:
        """Return whether a row is wanted."""
        if self.types is not None and row[TYPE] not in self.types:
            return False
        return row[TYPE] not in self.without and self.account in ("", row[ACCOUNT])


def subject_fields(type: str, subject: str, what: str) -> dict[str, str | None]:
    """Return the fields for the subject of a notification, a post or an order."""
    if type in SHOP_TYPES:
        return {"post": None, "order": subject, "what": what}
    return {"post": subject or None, "order": None, "what": ""}


def to_public(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the event data of a notification from its JSON document, without derived fields.

    None for a notification that was never on.
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
