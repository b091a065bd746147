"""What people are told of, and how far they have read."""

from __future__ import annotations

from pydantic import Field

from services.contracts.accounts import Id, Model

TYPES = frozenset(
    {
        *("follow", "follow_request", "favourite", "reblog", "mention", "status"),
        *("order", "payment"),
    }
)
"""The types of notifications that there are here: six of Mastodon's, and two of the shop's."""


class Notification(Model):
    """Somebody is told of something. Event `notification.changed` on `notifications`.

    `type` is one of Mastodon's: `follow`, `follow_request`, `favourite`, `reblog`, `mention`,
    `status`. `account` did it, `post` is what it is about. `dismissed`: the owner has put it away,
    or its cause is no more. The same id may be told of again; what is made anew has a new one.
    `group_key` is shared by what clients show as one.

    Ours are `order` and `payment`, about `order`: `what` became of it (`completed`, `declined`, …;
    `captured`, `refunded`). Lists hold them only where their types are asked for.
    """

    id: Id
    owner: Id
    type: str
    account: Id
    post: Id | None = None
    created_at: str
    dismissed: bool = False
    group_key: str = ""
    order: Id | None = None
    what: str = ""


class NotificationList(Model):
    """A page, newest first. `first` and `last` are the ids it reaches to; empty where it is."""

    notifications: list[Notification]
    first: Id = ""
    last: Id = ""


class NotificationGroup(Model):
    """What a page has of one group: how many, the newest and oldest, and who did the newest."""

    group_key: str
    type: str
    count: int
    newest: Id
    oldest: Id
    latest_at: str
    accounts: list[Id]
    post: Id | None = None
    order: Id | None = None
    what: str = ""


class GroupList(Model):
    """A page of groups, newest first, as `NotificationList`."""

    groups: list[NotificationGroup]
    first: Id = ""
    last: Id = ""


class Marker(Model):
    """How far somebody has read a timeline."""

    last_read_id: str
    version: int
    updated_at: str


class Read(Model):
    """The newest that somebody has read of a timeline."""

    last_read_id: str = Field(min_length=1, max_length=20, pattern=r"^\d+$")


class NewMarkers(Model):
    """How far somebody has read now; `None` leaves a marker as it is."""

    home: Read | None = None
    notifications: Read | None = None


class UnreadCount(Model):
    """How many are newer than the marker, as far as was asked for."""

    count: int


class DigestSetting(Model):
    """Whether somebody wants digests by mail, and how often the operator has them sent, if at all.

    `interval_hours` is 0 where they are not `available`.
    """

    enabled: bool
    available: bool
    interval_hours: float


class NewDigestSetting(Model):
    """Whether somebody wants digests."""

    enabled: bool


class DigestStop(Model):
    """What stands in the link by which digests are switched off."""

    owner: Id = Field(max_length=20, pattern=r"^\d+$")
    key: str = Field(max_length=100)
