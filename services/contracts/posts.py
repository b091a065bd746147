"""Pictures, posts, and what people do with posts."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from services.contracts import limits
from services.contracts.accounts import Account, Id, Mention, Model, examples

Visibility = Literal["public", "unlisted", "private", "direct"]


class Size(Model):
    """Pixels."""

    width: int
    height: int


ATTACHMENT: dict[str, Any] = {
    "id": "116548273000001537",
    "owner": "116548270000001537",
    "mime": "image/jpeg",
    "original": "116548273000001537-9f86d081884c7d65-o.jpg",
    "small": "116548273000001537-9f86d081884c7d65-s.jpg",
    "original_size": {"width": 2048, "height": 1536},
    "small_size": {"width": 640, "height": 480},
    "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
    "description": "A blue mug on a wooden table",
    "focus": [0.0, 0.25],
}
"""The example of an attachment."""


class Attachment(Model):
    """A picture, upright and without metadata. `original` and `small` are file names in `media`."""

    model_config = examples(ATTACHMENT)

    id: Id
    owner: Id
    mime: str
    original: str
    small: str
    original_size: Size
    small_size: Size
    blurhash: str
    description: str = ""
    focus: tuple[float, float] = (0.0, 0.0)


class Post(Model):
    """A post as its author made it. Event `post.changed` on `posts`.

    `text` is plain text as typed. `product_ids` are what of the shop it shows, as far as that is
    sold. `deleted` is the tombstone: text, pictures, tags, mentions and products are blank then;
    `pictures_kept` if its author deleted it, and may show its pictures again for a day.
    A comment is deleted by itself, or `with_replies`: all that is below it goes too. What is below
    a deleted post that is neither a comment nor direct goes in any case.
    `path` are a reply's posts above with their authors, topmost first: the topmost and the nearest
    of the others, `limits.PATH` in all. A boost is a post without a text that names the post it
    shows (`reblog_of_id`).
    """

    id: Id
    author: Id
    text: str = ""
    spoiler_text: str = ""
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
    application: str = ""
    application_website: str = ""
    created_at: str
    edited_at: str | None = None
    deleted: bool = False
    with_replies: bool = False
    pictures_kept: bool = False


class PostCounts(Model):
    """The numbers under a post."""

    favourites: int = 0
    reblogs: int = 0
    replies: int = 0


class PostCount(Model):
    """How many like a post, or boost it.

    Events `favourites.counted` and `reblogs.counted` on `post-counts`.
    """

    post: Id
    total: int


class AuthoredCount(Model):
    """How many posts somebody has, and the newest. Event `posts.counted` on `author-counts`."""

    account: Id
    total: int
    last_post: Id = ""


class Pins(Model):
    """What somebody pinned to their profile, newest pin first. Event `pins.changed` on `pins`."""

    account: Id
    posts: list[Id] = Field(default_factory=list)


class Mark(Model):
    """What one person did with one post. Event `mark.changed` on `marks`.

    `author` made the post; empty in marks of before that was told. `reblog_id` is the id of the
    boost, which is a post of its own.
    """

    user: Id
    post: Id
    author: Id = ""
    favourited: bool = False
    favourite_id: Id = ""
    bookmarked: bool = False
    bookmark_id: Id = ""
    reblogged: bool = False
    reblog_id: Id = ""


class PostView(Model):
    """A post as somebody sees it. `version` grows with every edit.

    A boost comes with the post it shows (`reblog`), and with that one's counts and marks.
    """

    post: Post
    version: int = 1
    counts: PostCounts = PostCounts()
    favourited: bool = False
    bookmarked: bool = False
    reblogged: bool = False
    pinned: bool = False
    reblog: PostView | None = None


class NewBoost(Model):
    """How somebody wants to boost a post; `None` is public."""

    visibility: Literal["public", "unlisted", "private"] | None = None


class NewPost(Model):
    """What somebody wants to post; the rules are the posts service's."""

    text: str = Field(default="", max_length=limits.TYPED)
    media_ids: list[Id] = Field(default_factory=list, max_length=40)
    in_reply_to_id: Id | None = None
    visibility: Visibility | None = None
    sensitive: bool = False
    spoiler_text: str = Field(default="", max_length=limits.TYPED)
    language: str | None = Field(default=None, max_length=100)
    product_ids: list[Id] = Field(default_factory=list, max_length=40)
    application: str = Field(default="", max_length=100)
    application_website: str = Field(default="", max_length=300)
    idempotency_key: str = Field(default="", max_length=200)


class EditedPost(Model):
    """What somebody wants a post to be; `None` leaves a part as it is."""

    text: str | None = Field(default=None, max_length=limits.TYPED)
    media_ids: list[Id] | None = Field(default=None, max_length=40)
    product_ids: list[Id] | None = Field(default=None, max_length=40)
    sensitive: bool | None = None
    spoiler_text: str | None = Field(default=None, max_length=limits.TYPED)
    language: str | None = Field(default=None, max_length=100)


class PostList(Model):
    """A page of posts; `ids` are what the list is sorted and paged by, in step with `views`.

    `more` is the cursor of the next page, empty at the end.
    """

    ids: list[Id]
    views: list[PostView]
    more: Id = ""


class Reactors(Model):
    """A page of people who did something; `ids` sort and page, `accounts` are account ids.

    `more` is the cursor of the next page, empty at the end.
    """

    ids: list[Id]
    accounts: list[Id]
    more: Id = ""


class Page(Model):
    """A page of a timeline, whole: the posts and everybody who made one, boosted ones too.

    `first` and `last` are the ids the page reaches to, also where a post among them is not shown;
    both empty on an empty page. `more` is where the list goes on; empty at its end. `tag` names the
    content: who asks with `known` and the tag of the page they have gets `same`, and no views, if
    nothing on it has changed.
    """

    views: list[PostView]
    accounts: dict[Id, Account]
    first: Id = ""
    last: Id = ""
    more: Id = ""
    tag: str = ""
    same: bool = False


class PostVersion(Model):
    """A post as it was from `created_at` on, until the next version."""

    text: str
    spoiler_text: str
    sensitive: bool
    language: str | None
    attachments: list[Attachment]
    created_at: str


class Asked(Model):
    """The posts that somebody wants to see.

    With `around`, they are the thread around that post: without people whom the viewer blocks or
    mutes, or who block the viewer.
    """

    ids: list[Id] = Field(max_length=2_100)
    around: Id | None = None


class AttachmentEdit(Model):
    """What somebody wants to say of their picture; `None` leaves a part as it is."""

    model_config = examples({"description": "Boats in a harbour"})

    description: str | None = Field(default=None, max_length=limits.TYPED)
    focus: tuple[float, float] | None = None


class Claims(Model):
    """The pictures that a post wants to show."""

    model_config = examples({"post_id": "116548273934401537", "ids": ["116548273000001537"]})

    post_id: Id
    ids: list[Id] = Field(max_length=40)


class Release(Model):
    """A post that was deleted, and whose pictures other posts may show."""

    model_config = examples({"post_id": "116548273934401537"})

    post_id: Id


class Portrait(Model):
    """The file name of an avatar or header in `media`."""

    model_config = examples({"name": "116548273000001537-9f86d081884c7d65-a.jpg"})

    name: str
