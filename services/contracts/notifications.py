"""Notifications, timeline markers and e-mail digests."""

from __future__ import annotations

from pydantic import Field

from services.contracts.accounts import Id, Model, examples

TYPES = frozenset(
    {
        *("follow", "follow_request", "favourite", "reblog", "mention", "status"),
        *("order", "payment"),
    }
)
"""The types of notifications: six of Mastodon's, and two of the shop."""


class Notification(Model):
    """A notification of its owner. Event `notification.changed` on `notifications`.

    `type` is one of `TYPES`. `account` caused it, `post` is the post that it is about. `dismissed`:
    the owner has dismissed it, or its cause no longer exists. An event may repeat an id; a new
    notification has a new id. Clients show notifications with the same `group_key` as one.

    `order` and `payment` notifications are about `order`; `what` is its new state (`completed`,
    `declined`, …; `captured`, `refunded`). Lists contain them only if the request names the types.
    """

    model_config = examples(
        {
            "id": "116548274000001537",
            "owner": "116548270000001537",
            "type": "favourite",
            "account": "115581273340018689",
            "post": "116548273934401537",
            "created_at": "2026-05-10T06:40:02.118Z",
            "group_key": "favourite-116548273934401537-495",
        }
    )

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
    """A page, newest first. `first` and `last` are its bounding ids; empty on an empty page.

    `documents` are those on which it depends, as `notifications.invalidated` names them: none if
    there are too many.
    """

    notifications: list[Notification]
    first: Id = ""
    last: Id = ""
    documents: list[str] = Field(default_factory=list)


class NotificationGroup(Model):
    """The notifications of one group on a page: how many, the bounds, and the newest accounts."""

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
    """A page of groups, newest first. `first` and `last` as in `NotificationList`."""

    groups: list[NotificationGroup]
    first: Id = ""
    last: Id = ""


class Marker(Model):
    """How far a user has read a timeline."""

    last_read_id: str
    version: int
    updated_at: str


class NewMarker(Model):
    """The newest item that the caller has read of a timeline."""

    last_read_id: str = Field(min_length=1, max_length=20, pattern=r"^\d+$")


class NewMarkers(Model):
    """New markers of the caller. `None` keeps a marker."""

    home: NewMarker | None = None
    notifications: NewMarker | None = None


class UnreadCount(Model):
    """How many notifications are newer than the marker, up to the requested limit."""

    count: int


class DigestSetting(Model):
    """Whether the caller gets digests by e-mail, and how often the instance sends them.

    `interval_hours` is 0 if digests are not `available`.
    """

    enabled: bool
    available: bool
    interval_hours: float


class NewDigestSetting(Model):
    """Whether the caller wants digests."""

    enabled: bool


class DigestStop(Model):
    """The contents of the link that unsubscribes from digests."""

    owner: Id = Field(max_length=20, pattern=r"^\d+$")
    key: str = Field(max_length=100)
