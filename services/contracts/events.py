"""All events between services: their topics, producers, types and data.

Every event carries the newest state of one document and its version. Consumers store the version
that they applied last and ignore events that are not newer, so the order does not matter.

The exception are invalidations: they are numbered messages to caches, without a document
(`contracts/invalidations.py`), and only broadcast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from services.contracts.accounts import Edge, FollowCount, Profile
from services.contracts.catalog import Product, Shop
from services.contracts.comments import Comment, ReplyCount
from services.contracts.discovery import FollowedTags
from services.contracts.invalidations import Invalidation
from services.contracts.logins import Login
from services.contracts.notifications import Notification
from services.contracts.orders import Order
from services.contracts.payments import Payment
from services.contracts.posts import AuthoredCount, Mark, Pins, Post, PostCount

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class EventType(Generic[M]):
    """One type of event. `name` is the CloudEvents attribute `type`.

    The data is validated with `model`. Event types that only their own service consumes are defined
    there, with its own models. If all types of a topic are `private`, its events do not go to the
    broker: the process that makes them handles them.
    """

    name: str
    topic: str
    producer: str
    model: type[M]
    private: bool = False


LOGIN_REGISTERED = EventType("login.registered", "logins", "auth", Login)
ACCOUNT_CHANGED = EventType("account.changed", "accounts", "users", Profile)
EDGE_CHANGED = EventType("edge.changed", "edges", "users", Edge)
FOLLOWERS_COUNTED = EventType("followers.counted", "account-counts", "users", FollowCount)
FOLLOWING_COUNTED = EventType("following.counted", "account-counts", "users", FollowCount)
TAGS_FOLLOWED = EventType("tags.followed", "followed-tags", "users", FollowedTags)
POST_CHANGED = EventType("post.changed", "posts", "posts", Post)
MARK_CHANGED = EventType("mark.changed", "marks", "posts", Mark)
FAVOURITES_COUNTED = EventType("favourites.counted", "post-counts", "posts", PostCount)
REBLOGS_COUNTED = EventType("reblogs.counted", "post-counts", "posts", PostCount)
PINS_CHANGED = EventType("pins.changed", "pins", "posts", Pins)
POSTS_COUNTED = EventType("posts.counted", "author-counts", "posts", AuthoredCount)
COMMENT_CHANGED = EventType("comment.changed", "comments", "comments", Comment)
REPLIES_COUNTED = EventType("replies.counted", "comment-counts", "comments", ReplyCount)
NOTIFICATION_CHANGED = EventType(
    "notification.changed", "notifications", "notifications", Notification
)
SHOP_CHANGED = EventType("shop.changed", "shops", "catalog", Shop)
PRODUCT_CHANGED = EventType("product.changed", "products", "catalog", Product)
ORDER_CHANGED = EventType("order.changed", "orders", "orders", Order)
PAYMENT_CHANGED = EventType("payment.changed", "payments", "payments", Payment)
FEED_INVALIDATED = EventType("feed.invalidated", "feed-invalidations", "feed", Invalidation)
NOTIFICATIONS_INVALIDATED = EventType(
    "notifications.invalidated", "notifications-invalidations", "notifications", Invalidation
)

EVENTS: tuple[EventType[Any], ...] = (
    LOGIN_REGISTERED,
    ACCOUNT_CHANGED,
    EDGE_CHANGED,
    FOLLOWERS_COUNTED,
    FOLLOWING_COUNTED,
    TAGS_FOLLOWED,
    POST_CHANGED,
    MARK_CHANGED,
    FAVOURITES_COUNTED,
    REBLOGS_COUNTED,
    PINS_CHANGED,
    POSTS_COUNTED,
    COMMENT_CHANGED,
    REPLIES_COUNTED,
    NOTIFICATION_CHANGED,
    SHOP_CHANGED,
    PRODUCT_CHANGED,
    ORDER_CHANGED,
    PAYMENT_CHANGED,
    FEED_INVALIDATED,
    NOTIFICATIONS_INVALIDATED,
)
