"""People: profiles, counts, and one person's stance on another."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Id = str


class Model(BaseModel):
    """What all contracts share: unknown fields are ignored, so that a producer may add some."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def examples(*values: dict[str, Any]) -> ConfigDict:
    """Return a `model_config` that puts the examples into the model's JSON schema."""
    return ConfigDict(json_schema_extra={"examples": list(values)})


class ProfileField(Model):
    """One line of the table under a profile."""

    name: str
    value: str
    verified_at: str | None = None


class Mention(Model):
    """Somebody who is named in a post or on a profile."""

    id: Id
    username: str


class Profile(Model):
    """What a person says of themself. Event `account.changed` on `accounts`.

    `note` and fields are plain text as typed, and `mentions` those of the people named in them who
    were there when it was typed. `avatar` and `header` are file names in `media`, empty for the
    default picture. `locale` is the language that they registered in. `role` is empty or `admin`.
    Nothing of who is `suspended` is shown, for as long as they are. `deleted` is the tombstone: all
    else is blank then.
    """

    id: Id
    username: str
    display_name: str = ""
    note: str = ""
    avatar: str = ""
    header: str = ""
    fields: list[ProfileField] = Field(default_factory=list)
    mentions: list[Mention] = Field(default_factory=list)
    locked: bool = False
    bot: bool = False
    discoverable: bool = True
    default_visibility: str = "public"
    default_sensitive: bool = False
    default_language: str = ""
    locale: str = ""
    created_at: str
    role: str = ""
    suspended: bool = False
    deleted: bool = False


class AccountCounts(Model):
    """The numbers on a profile; `last_status_at` is a date."""

    followers: int = 0
    following: int = 0
    statuses: int = 0
    last_status_at: str | None = None


class Account(Model):
    """A profile with its numbers. `version` grows with every change of the profile."""

    profile: Profile
    counts: AccountCounts = AccountCounts()
    version: int = 1


class OwnAccount(Account):
    """One's own account, with what is for oneself alone."""

    follow_requests: int = 0


class Edge(Model):
    """One person's stance on another. Event `edge.changed` on `edges`.

    `follow_id` is the id of the present follow (or request), by which lists of followers are
    sorted; empty where there is none.
    """

    source: Id
    target: Id
    follow_id: Id = ""
    following: bool = False
    requested: bool = False
    show_reblogs: bool = True
    notify: bool = False
    blocking: bool = False
    muting: bool = False
    muting_notifications: bool = False
    muted_until: str | None = None
    note: str = ""


class FollowCount(Model):
    """How many follow somebody, or are followed by them.

    Events `followers.counted` and `following.counted` on `account-counts`.
    """

    account: Id
    total: int


class AccountList(Model):
    """A page of people; `ids` are what the list is sorted and paged by, in step with `accounts`.

    So is `until`, in the list of mutes: when each ends, `None` for never. `more` is the cursor of
    the next page, empty at the end.
    """

    ids: list[Id]
    accounts: list[Account]
    until: list[str | None] = Field(default_factory=list)
    more: Id = ""


class Others(Model):
    """Those of whom somebody wants to know how they stand to each other."""

    ids: list[Id] = Field(max_length=2_100)


class Relationship(Model):
    """How two people stand to each other, seen by the first."""

    id: Id
    following: bool = False
    showing_reblogs: bool = False
    notifying: bool = False
    followed_by: bool = False
    blocking: bool = False
    blocked_by: bool = False
    muting: bool = False
    muting_notifications: bool = False
    muting_expires_at: str | None = None
    requested: bool = False
    requested_by: bool = False
    note: str = ""


class Suggestion(Model):
    """Somebody whom one might want to follow, and why."""

    account: Account
    reason: Literal["friends_of_friends", "new"]


class Familiar(Model):
    """Those whom one follows and who follow somebody."""

    id: Id
    accounts: list[Account]
