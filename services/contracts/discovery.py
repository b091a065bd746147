"""Hashtags, their followers and use, and statistics of the instance."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from services.contracts.accounts import Id, Model, examples
from services.contracts.limits import MAX_HASHTAG_CHARACTERS


class FollowedTags(Model):
    """The hashtags that an account follows. Event `tags.followed` on `followed-tags`."""

    model_config = examples({"account": "115581273340018689", "tags": ["sea"]})

    account: Id
    tags: list[str] = Field(default_factory=list)


class TagFollowed(Model):
    """Whether the caller follows a hashtag."""

    model_config = examples({"name": "sea", "following": True})

    name: str = Field(max_length=MAX_HASHTAG_CHARACTERS)
    following: bool


class TagList(Model):
    """A page of followed hashtags. `ids` are the cursors of the list, parallel to `tags`."""

    model_config = examples({"ids": ["114906321984512345"], "tags": ["sea"]})

    ids: list[Id]
    tags: list[str]


class Week(Model):
    """Registrations in a week. It began on a Monday at `start`, in seconds since 1970."""

    start: int
    registrations: int


class Statistics(Model):
    """Statistics of the instance. An account is active in a period if it posted in it."""

    model_config = examples({"users": 12, "posts": 99, "active_month": 7, "active_half_year": 9})

    users: int = 0
    posts: int = 0
    active_month: int = 0
    active_half_year: int = 0
    weeks: list[Week] = Field(default_factory=list)


class DayOfTag(Model):
    """How often a hashtag was used on a day, and by how many accounts.

    `day` is when the day began, in seconds since 1970.
    """

    day: int
    uses: int
    accounts: int


class TagUse(Model):
    """A hashtag, and its use on each of the last seven days, today first."""

    name: str
    history: list[DayOfTag]


class TagUseRequest(Model):
    """Hashtags to look up, without the #."""

    names: list[Annotated[str, Field(max_length=MAX_HASHTAG_CHARACTERS)]] = Field(max_length=200)
