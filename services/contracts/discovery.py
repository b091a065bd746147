"""What there is to find: hashtags and who follows them, and numbers about the whole place."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from services.contracts.accounts import Id, Model
from services.contracts.limits import HASHTAG_CHARACTERS


class FollowedTags(Model):
    """The hashtags that somebody follows. Event `tags.followed` on `followed-tags`."""

    account: Id
    tags: list[str] = Field(default_factory=list)


class TagFollowed(Model):
    """Whether a hashtag is followed now."""

    name: str = Field(max_length=HASHTAG_CHARACTERS)
    following: bool


class TagList(Model):
    """A page of followed hashtags; `ids` are what it is paged by, in step with `tags`."""

    ids: list[Id]
    tags: list[str]


class Week(Model):
    """How many registered in a week, which began on a Monday at `start` (seconds since 1970)."""

    start: int
    registrations: int


class Statistics(Model):
    """Numbers about the whole place. Somebody is active while their newest post is not older."""

    users: int = 0
    posts: int = 0
    active_month: int = 0
    active_half_year: int = 0
    weeks: list[Week] = Field(default_factory=list)


class DayOfTag(Model):
    """How often, and by how many, a hashtag was used on a day, which began at `day` (seconds)."""

    day: int
    uses: int
    accounts: int


class TagUse(Model):
    """A hashtag, and its use on each of the past seven days, today first."""

    name: str
    history: list[DayOfTag]


class TagNames(Model):
    """Hashtags to tell of, without their #."""

    names: list[Annotated[str, Field(max_length=HASHTAG_CHARACTERS)]] = Field(max_length=200)
