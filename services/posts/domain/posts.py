"""Posts as they are stored."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from services.chassis.errors import NotFound
from services.shared.pictures import Picture

Visibility = Literal["public", "unlisted", "private", "direct"]


@dataclass(frozen=True, slots=True)
class PostMention:
    """A user who is mentioned in a post."""

    id: str
    username: str


@dataclass(frozen=True, slots=True)
class PostRecord:
    """The document `post:ID`. Events carry every field but the last two.

    `path` holds the posts above a reply with their authors, topmost first: the topmost post and the
    nearest others, deleted ones included. `in_reply_to_id` is the answered post or, after its
    deletion, the nearest post above that remains. `with_replies` says that the replies of a deleted
    comment are deleted too. `revision` increases with each edit. `fingerprint` distinguishes a
    repeated request from a different one with the same idempotency key.
    """

    id: str
    author: str
    created_at: str
    text: str = ""
    spoiler_text: str = ""
    visibility: Visibility = "public"
    sensitive: bool = False
    language: str | None = None
    attachments: tuple[Picture, ...] = ()
    tags: tuple[str, ...] = ()
    mentions: tuple[PostMention, ...] = ()
    product_ids: tuple[str, ...] = ()
    in_reply_to_id: str | None = None
    in_reply_to_account_id: str | None = None
    reblog_of_id: str | None = None
    reblog_of_account_id: str | None = None
    application: str = ""
    application_website: str = ""
    edited_at: str | None = None
    deleted: bool = False
    with_replies: bool = False
    pictures_kept: bool = False
    path: tuple[tuple[str, str], ...] = ()
    revision: int = 1
    fingerprint: str = ""


PRIVATE_FIELDS = frozenset({"revision", "fingerprint"})
PUBLIC_FIELDS = tuple(
    field.name for field in fields(PostRecord) if field.name not in PRIVATE_FIELDS
)


@dataclass(frozen=True, slots=True)
class PostRevision:
    """The content of a post from `created_at` until the next revision."""

    text: str
    spoiler_text: str
    sensitive: bool
    language: str | None
    attachments: tuple[Picture, ...]
    created_at: str


def to_revision(post: PostRecord) -> PostRevision:
    """Return the current content of a post for its history."""
    return PostRevision(
        post.text,
        post.spoiler_text,
        post.sensitive,
        post.language,
        post.attachments,
        post.edited_at or post.created_at,
    )


def to_public(data: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a post's JSON document that events carry."""
    return {name: value for name, value in data.items() if name not in PRIVATE_FIELDS}


def post_not_found() -> NotFound:
    """Return the error for a post that does not exist or is not visible, indistinguishably."""
    return NotFound("There is no such post.")
