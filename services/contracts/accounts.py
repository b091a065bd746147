"""Accounts: profiles, counts, and the relationship of one account to another."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.contracts.texts import Line, Prose

Id = Annotated[str, "id"]
"""An id. The mark tells it from texts that people write (`texts`)."""

ID_PATTERN = r"^[0-9]{1,20}$"
"""Matches ids in requests. Our ids have 18 digits; clients send longer ones as page bounds."""


class Model(BaseModel):
    """The base of all contract models. Unknown fields are ignored: a producer can add some."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def examples(*values: dict[str, Any]) -> ConfigDict:
    """Return a `model_config` that puts the examples into the model's JSON schema."""
    return ConfigDict(json_schema_extra={"examples": list(values)})


_ID = "114906321984512345"
_PROFILE: dict[str, Any] = {
    "id": _ID,
    "username": "anna",
    "display_name": "Anna Bergström",
    "note": "Light, mostly early.",
    "avatar": "9f2c4e.webp",
    "header": "",
    "fields": [{"name": "Home", "value": "https://example.org", "verified_at": None}],
    "locked": False,
    "bot": False,
    "discoverable": True,
    "default_visibility": "public",
    "default_sensitive": False,
    "default_language": "sv",
    "created_at": "2025-07-24T09:12:44.120Z",
    "role": "",
    "suspended": False,
    "deleted": False,
}
ACCOUNT: dict[str, Any] = {
    "profile": _PROFILE,
    "counts": {"followers": 120, "following": 87, "statuses": 42, "last_status_at": "2025-08-01"},
    "version": 3,
}


class ProfileField(Model):
    """A row of the table on a profile."""

    name: Line
    value: Line
    verified_at: str | None = None


class Mention(Model):
    """A user who is mentioned in a post or on a profile."""

    id: Id
    username: str


class Profile(Model):
    """The profile of a user. Event `account.changed` on `accounts`.

    `note` and `fields` are plain text as typed. `mentions` are the users mentioned in them who
    existed at that time. `avatar` and `header` are file names in `media`, empty for the default
    picture. `locale` is the language of the registration. `role` is empty or `admin`. Content of a
    `suspended` user is hidden. `deleted` marks a tombstone; the other fields are blank then.
    """

    model_config = examples(_PROFILE)

    id: Id
    username: str
    display_name: Line = ""
    note: Prose = ""
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
    """The numbers on a profile. `last_status_at` is a date."""

    followers: int = 0
    following: int = 0
    statuses: int = 0
    last_status_at: str | None = None


class Account(Model):
    """A profile with its counts. `version` grows with every change of the profile."""

    model_config = examples(ACCOUNT)

    profile: Profile
    counts: AccountCounts = AccountCounts()
    version: int = 1


class OwnAccount(Account):
    """The caller's own account, with private numbers."""

    model_config = examples({**ACCOUNT, "follow_requests": 2})

    follow_requests: int = 0


class EditedProfileField(Model):
    """A row of the table on a profile, as typed."""

    name: Line = Field(max_length=4_000)
    value: Line = Field(max_length=4_000)


class ProfileValues(Model):
    """Values of a profile, as typed. These bounds only limit the size of requests."""

    display_name: Line | None = Field(default=None, max_length=1_000)
    note: Prose | None = Field(default=None, max_length=10_000)
    avatar: str | None = Field(default=None, max_length=200)
    header: str | None = Field(default=None, max_length=200)
    fields: list[EditedProfileField] | None = Field(default=None, max_length=20)
    locked: bool | None = None
    bot: bool | None = None
    discoverable: bool | None = None
    default_visibility: str | None = Field(default=None, max_length=20)
    default_sensitive: bool | None = None
    default_language: str | None = Field(default=None, max_length=100)


class EditedProfile(ProfileValues):
    """Changes of the caller's profile. A field that is missing or null stays unchanged.

    The users service validates each field. With `expected`, nothing changes unless these values are
    still the present ones.
    """

    model_config = examples(
        {"display_name": "Anna B.", "locked": True, "expected": {"display_name": "Anna"}}
    )

    expected: ProfileValues | None = None


class UsernameLookup(Model):
    """Usernames to look up, in upper or lower case, with or without a leading `@`."""

    model_config = examples({"usernames": ["anna", "@Ben"]})

    usernames: list[str] = Field(max_length=80)


class Edge(Model):
    """The relationship of one account to another. Event `edge.changed` on `edges`.

    `follow_id` is the id of the present follow or follow request, by which lists of followers are
    sorted. It is empty if there is none.
    """

    model_config = examples(
        {
            "source": "115581273340018689",
            "target": "114906321984512001",
            "follow_id": "116548273934401537",
            "following": True,
        }
    )

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
    note: Prose = ""


class FollowCount(Model):
    """The number of followers of an account, or of accounts that it follows.

    Events `followers.counted` and `following.counted` on `account-counts`.
    """

    model_config = examples({"account": "115581273340018689", "total": 24})

    account: Id
    total: int


class AccountList(Model):
    """A page of accounts. `ids` are the cursors of the list, parallel to `accounts`.

    `more` is the cursor of the next page, empty on the last page. In the list of mutes, `until` is
    parallel too: when each mute ends, null for never.
    """

    model_config = examples({"ids": ["114906321984599999"], "accounts": [ACCOUNT], "more": ""})

    ids: list[Id]
    accounts: list[Account]
    more: Id = ""
    until: list[str | None] = Field(default_factory=list)


class RelationshipsRequest(Model):
    """The accounts to which some users' relationships are requested, by the id of each user."""

    model_config = examples({"targets": {_ID: ["114906321984512346"]}})

    targets: dict[Id, Annotated[list[Id], Field(max_length=2_100)]] = Field(max_length=50)


class FollowSettings(Model):
    """How to follow an account. A field that is missing or null stays unchanged."""

    model_config = examples({"reblogs": True, "notify": True})

    reblogs: bool | None = None
    notify: bool | None = None


class MuteSettings(Model):
    """How to mute an account. `duration` is in seconds; 0 means indefinitely."""

    model_config = examples({"notifications": True, "duration": 86_400})

    notifications: bool = True
    duration: int = Field(default=0, ge=0, le=10 * 365 * 24 * 3600)


class AccountNote(Model):
    """A private note on an account."""

    model_config = examples({"comment": "Met in Uppsala."})

    comment: Prose = Field(default="", max_length=10_000)


class Relationship(Model):
    """The relationship between two accounts, as the first sees it."""

    model_config = examples(
        {
            "id": _ID,
            "following": True,
            "showing_reblogs": True,
            "notifying": False,
            "followed_by": False,
            "blocking": False,
            "blocked_by": False,
            "muting": False,
            "muting_notifications": False,
            "muting_expires_at": None,
            "requested": False,
            "requested_by": False,
            "note": "",
        }
    )

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
    note: Prose = ""


class Suggestion(Model):
    """An account that the caller may want to follow, and why."""

    model_config = examples({"account": ACCOUNT, "reason": "friends_of_friends"})

    account: Account
    reason: Literal["friends_of_friends", "new"]


class FamiliarFollowers(Model):
    """The followers of an account whom the caller follows."""

    model_config = examples({"id": _ID, "accounts": [ACCOUNT]})

    id: Id
    accounts: list[Account]
