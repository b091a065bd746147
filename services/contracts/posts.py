"""Pictures, posts, and the interactions of users with posts."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from pydantic import Field

from services.contracts import limits
from services.contracts.accounts import Account, Id, Mention, Model, examples
from services.contracts.texts import Line, Prose

Visibility = Literal["public", "unlisted", "private", "direct"]


class Size(Model):
    """A size in pixels."""

    width: int
    height: int


ATTACHMENT: dict[str, Any] = {
    "id": "116548273000001537",
    "owner": "116548270000001537",
    "mime": "image/jpeg",
    "original": "116548273000001537-9f86d081884c7d65-o.jpg",
    "medium": "116548273000001537-5b2c90d7e1f4a386-m.webp",
    "small": "116548273000001537-9f86d081884c7d65-s.jpg",
    "original_size": {"width": 2048, "height": 1536},
    "medium_size": {"width": 1080, "height": 810},
    "small_size": {"width": 640, "height": 480},
    "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
    "description": "A blue mug on a wooden table",
    "focus": [0.0, 0.25],
}
"""The example of an attachment."""


class Attachment(Model):
    """A picture, upright and without metadata.

    `original`, `medium` and `small` are file names in `media`. `medium` is for phones; it is empty
    if the picture is at most 640 px wide, or was uploaded before this size was made.
    """

    model_config = examples(ATTACHMENT)

    id: Id
    owner: Id
    mime: str
    original: str
    small: str
    original_size: Size
    small_size: Size
    blurhash: str
    description: Prose = ""
    focus: tuple[float, float] = (0.0, 0.0)
    medium: str = ""
    medium_size: Size | None = None


POST: dict[str, Any] = {
    "id": "116548273934401537",
    "author": "116548270000001537",
    "text": "First light over the harbour #sunrise with @bob",
    "spoiler_text": "",
    "visibility": "public",
    "sensitive": False,
    "language": "en",
    "attachments": [ATTACHMENT | {"description": "Boats in a harbour before sunrise"}],
    "tags": ["sunrise"],
    "mentions": [{"id": "116548270000002561", "username": "bob"}],
    "product_ids": [],
    "in_reply_to_id": None,
    "in_reply_to_account_id": None,
    "path": [],
    "reblog_of_id": None,
    "reblog_of_account_id": None,
    "application": "toot",
    "application_website": "",
    "created_at": "2026-05-10T05:12:31.402Z",
    "edited_at": None,
    "deleted": False,
    "with_replies": False,
    "pictures_kept": False,
}
"""The example of a post."""

BOOST: dict[str, Any] = POST | {
    "id": "116548290000001537",
    "author": "116548270000002561",
    "text": "",
    "language": None,
    "attachments": [],
    "tags": [],
    "mentions": [],
    "application": "",
    "reblog_of_id": POST["id"],
    "reblog_of_account_id": POST["author"],
    "created_at": "2026-05-10T06:40:02.118Z",
}
"""The example of a boost."""


class Post(Model):
    """A post as its author created it. Event `post.changed` on `posts`.

    `text` is plain text as typed. `product_ids` are the products it shows; some may not be sold any
    more. `deleted` marks a tombstone, whose text, pictures, tags, mentions and products are blank;
    `pictures_kept` means that its author deleted it and may use its pictures in another post for a
    day. A comment is deleted alone or `with_replies`. Replies to a deleted post that is neither a
    comment nor direct are always deleted. `path` holds the posts above a reply with their authors,
    topmost first: the topmost and the nearest others, at most `limits.MAX_PATH`. A boost is a post
    without text that names the post it shows (`reblog_of_id`).
    """

    model_config = examples(POST, BOOST)

    id: Id
    author: Id
    text: Prose = ""
    spoiler_text: Prose = ""
    visibility: Visibility = "public"
    sensitive: bool = False
    language: str | None = None
    attachments: list[Attachment] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    mentions: list[Mention] = Field(default_factory=list)
    in_reply_to_id: Id | None = None
    in_reply_to_account_id: Id | None = None
    path: list[tuple[Id, Id]] = Field(default_factory=list)
    reblog_of_id: Id | None = None
    reblog_of_account_id: Id | None = None
    product_ids: list[Id] = Field(default_factory=list)
    application: Line = ""
    application_website: str = ""
    created_at: str
    edited_at: str | None = None
    deleted: bool = False
    with_replies: bool = False
    pictures_kept: bool = False


class PostCounts(Model):
    """The counts that are shown with a post."""

    favourites: int = 0
    reblogs: int = 0
    replies: int = 0


class PostCount(Model):
    """How many users favourite a post, or boost it.

    Events `favourites.counted` and `reblogs.counted` on `post-counts`.
    """

    model_config = examples({"post": "116548273934401537", "total": 3})

    post: Id
    total: int


class AuthoredCount(Model):
    """How many posts an account has, and the newest. Event `posts.counted` on `author-counts`."""

    model_config = examples(
        {"account": "116548270000001537", "total": 12, "last_post": "116548273934401537"}
    )

    account: Id
    total: int
    last_post: Id = ""


class Pins(Model):
    """The posts pinned to a profile, newest pin first. Event `pins.changed` on `pins`."""

    model_config = examples({"account": "116548270000001537", "posts": ["116548273934401537"]})

    account: Id
    posts: list[Id] = Field(default_factory=list)


class Mark(Model):
    """What one user did with one post. Event `mark.changed` on `marks`.

    `author` is the author of the post; empty in old events. `reblog_id` is the id of the boost,
    which is a post of its own.
    """

    model_config = examples(
        {
            "user": "115581273340018689",
            "post": "116548273934401537",
            "author": "116548270000001537",
            "favourited": True,
            "favourite_id": "116548274000001537",
        }
    )

    user: Id
    post: Id
    author: Id = ""
    favourited: bool = False
    favourite_id: Id = ""
    bookmarked: bool = False
    bookmark_id: Id = ""
    reblogged: bool = False
    reblog_id: Id = ""


_VIEW: dict[str, Any] = {
    "post": POST,
    "version": 1,
    "counts": {"favourites": 12, "reblogs": 0, "replies": 3},
    "favourited": True,
    "bookmarked": False,
    "reblogged": False,
    "pinned": False,
    "reblog": None,
}


class PostView(Model):
    """A post as a caller sees it. `version` increases with every edit.

    A boost comes with the original post (`reblog`), and with the counts and reactions of that one.
    """

    model_config = examples(
        _VIEW, _VIEW | {"post": BOOST, "reblogged": True, "reblog": _VIEW | {"reblogged": True}}
    )

    post: Post
    version: int = 1
    counts: PostCounts = PostCounts()
    favourited: bool = False
    bookmarked: bool = False
    reblogged: bool = False
    pinned: bool = False
    reblog: PostView | None = None


class NewBoost(Model):
    """The visibility of a new boost. `None` means public."""

    model_config = examples({}, {"visibility": "unlisted"})

    visibility: Literal["public", "unlisted", "private"] | None = None


class NewPost(Model):
    """The content of a new post. The posts service validates it."""

    model_config = examples(
        {
            "text": "First light over the harbour #sunrise with @bob",
            "media_ids": ["116548273000001537"],
            "language": "en",
            "idempotency_key": "7d1f2c",
        },
        {"text": "Wonderful!", "in_reply_to_id": POST["id"]},
    )

    text: Prose = Field(default="", max_length=limits.MAX_TEXT_CODE_POINTS)
    media_ids: list[Id] = Field(default_factory=list, max_length=40)
    in_reply_to_id: Id | None = None
    visibility: Visibility | None = None
    sensitive: bool = False
    spoiler_text: Prose = Field(default="", max_length=limits.MAX_TEXT_CODE_POINTS)
    language: str | None = Field(default=None, max_length=100)
    product_ids: list[Id] = Field(default_factory=list, max_length=40)
    application: Line = Field(default="", max_length=100)
    application_website: str = Field(default="", max_length=300)
    idempotency_key: str = Field(default="", max_length=200)


class EditedPost(Model):
    """The new content of a post. `None` keeps the current value."""

    model_config = examples({"text": "Last light, in fact"})

    text: Prose | None = Field(default=None, max_length=limits.MAX_TEXT_CODE_POINTS)
    media_ids: list[Id] | None = Field(default=None, max_length=40)
    product_ids: list[Id] | None = Field(default=None, max_length=40)
    sensitive: bool | None = None
    spoiler_text: Prose | None = Field(default=None, max_length=limits.MAX_TEXT_CODE_POINTS)
    language: str | None = Field(default=None, max_length=100)


class PostList(Model):
    """A page of posts. `ids` are the sort keys and cursors of `views`, in the same order.

    `more` is the cursor of the next page, empty at the end.
    """

    model_config = examples({"ids": ["116548280000001537"], "views": [_VIEW], "more": ""})

    ids: list[Id]
    views: list[PostView]
    more: Id = ""


class Reactors(Model):
    """A page of users who reacted. `ids` are the sort keys and cursors of `accounts`.

    `more` is the cursor of the next page, empty at the end.
    """

    model_config = examples(
        {"ids": ["116548280000001537"], "accounts": ["116548270000002561"], "more": ""}
    )

    ids: list[Id]
    accounts: list[Id]
    more: Id = ""


class PostRef(NamedTuple):
    """A `PostView` without the post: its version and numbers, as an array.

    `flags` is the sum of 1 for favourited, 2 for bookmarked, 4 for reblogged and 8 for pinned.
    `reblog` is the boosted post, or empty.
    """

    author: Id
    version: int
    favourites: int
    reblogs: int
    replies: int
    flags: int
    product_ids: list[Id]
    reblog: Id


class AccountRef(NamedTuple):
    """An `Account` without the profile: its version and numbers, as an array."""

    version: int
    followers: int
    following: int
    statuses: int
    last_status_at: str | None


class Page(Model):
    """A page of a timeline: the posts, and the authors of all posts including boosted ones.

    `first` and `last` are the ids that bound the page, even if a post with such an id is not shown;
    both are empty on an empty page. `more` is the cursor of the next page, empty at the end.
    `documents` are those on which the page depends, as `feed.invalidated` names them: also of posts
    that are not shown now.

    `tag` identifies the content. A request with the tag of a cached page in `known` returns `same`
    and nothing else if nothing on the page has changed. Else, as most of the page is known to who
    asks, it returns no `views` and `accounts`: `ids` are the posts of the page, `refs` their
    versions and numbers and those of boosted posts, and `people` those of the authors. `documents`
    has only those that are no post and no author of `refs` then.
    """

    views: list[PostView] = Field(default_factory=list)
    accounts: dict[Id, Account] = Field(default_factory=dict)
    ids: list[Id] = Field(default_factory=list)
    refs: dict[Id, PostRef] = Field(default_factory=dict)
    people: dict[Id, AccountRef] = Field(default_factory=dict)
    first: Id = ""
    last: Id = ""
    more: Id = ""
    tag: str = ""
    same: bool = False
    documents: list[str] = Field(default_factory=list)


class PostVersion(Model):
    """The content of a post from `created_at` until the next version."""

    model_config = examples(
        {
            "text": POST["text"],
            "spoiler_text": "",
            "sensitive": False,
            "language": "en",
            "attachments": POST["attachments"],
            "created_at": POST["created_at"],
        }
    )

    text: Prose
    spoiler_text: Prose
    sensitive: bool
    language: str | None
    attachments: list[Attachment]
    created_at: str


class PostsRequest(Model):
    """A request for several posts.

    With `around`, they are the thread of that post, from which authors are left out whom the caller
    blocks or mutes, or who block the caller.
    """

    model_config = examples({"ids": [POST["id"], "116548280000001537"], "around": POST["id"]})

    ids: list[Id] = Field(max_length=2_100)
    around: Id | None = None


class AttachmentEdit(Model):
    """The new description and focus of a picture. `None` keeps the current value."""

    model_config = examples({"description": "Boats in a harbour"})

    description: Prose | None = Field(default=None, max_length=limits.MAX_TEXT_CODE_POINTS)
    focus: tuple[float, float] | None = None


class PictureClaims(Model):
    """The pictures that a post claims."""

    model_config = examples({"post_id": "116548273934401537", "ids": ["116548273000001537"]})

    post_id: Id
    ids: list[Id] = Field(max_length=40)


class PictureRelease(Model):
    """A deleted post whose pictures other posts may use."""

    model_config = examples({"post_id": "116548273934401537"})

    post_id: Id


class ProfileImage(Model):
    """The file name of an avatar or header in `media`."""

    model_config = examples({"name": "116548273000001537-9f86d081884c7d65-a.jpg"})

    name: str
