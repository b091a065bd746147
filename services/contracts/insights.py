"""What the guest `insights` answers, which may run beside the services."""

from __future__ import annotations

from pydantic import Field

from services.contracts.accounts import Id, Model
from services.contracts.catalog import Currency
from services.contracts.texts import Line


class TagInsight(Model):
    """How often an account used a hashtag, and the likes of these posts."""

    name: Line
    posts: int
    likes: int


class Sales(Model):
    """Completed orders in one currency. `total` is in its smallest unit."""

    currency: Currency
    orders: int
    total: int


class Insights(Model):
    """The posts and sales of an account in the last twelve weeks, for its own user.

    `best_hour` is the hour of the day (UTC) whose posts got most likes. `followers` is missing
    until their number changes.
    """

    account: Id
    since: Line
    posts: int
    posts_per_week: float
    likes: int
    best_hour: int | None = None
    top_tags: list[TagInsight] = Field(default_factory=list)
    followers: int | None = None
    followers_gained: int = 0
    sales: list[Sales] = Field(default_factory=list)
