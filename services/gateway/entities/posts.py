"""Status without its account, MediaAttachment, StatusSource, StatusEdit, Tag."""

from __future__ import annotations

from typing import Any

from services.contracts.discovery import TagUse
from services.contracts.posts import Attachment, Post, PostVersion, PostView, Size
from services.gateway.content import Writer
from services.gateway.entities.addresses import Addresses

Entity = dict[str, Any]


def status(view: PostView, username: str, at: Addresses, writer: Writer) -> Entity:
    """The entity Status, all but its `account` and its `reblog`."""
    post, counts = view.post, view.counts
    return {
        "id": post.id,
        "uri": at.post_uri(username, post.id),
        "url": at.post(username, post.id),
        "created_at": post.created_at,
        "edited_at": post.edited_at,
        "content": content(post, post.text, writer),
        "visibility": post.visibility,
        "sensitive": post.sensitive,
        "spoiler_text": post.spoiler_text,
        "language": post.language,
        "in_reply_to_id": post.in_reply_to_id,
        "in_reply_to_account_id": post.in_reply_to_account_id,
        "media_attachments": [attachment(picture, at) for picture in post.attachments],
        "mentions": [
            {
                "id": mention.id,
                "username": mention.username,
                "acct": mention.username,
                "url": at.account(mention.username),
            }
            for mention in post.mentions
        ],
        "tags": [{"name": tag, "url": at.tag(tag)} for tag in post.tags],
        "emojis": [],
        "application": application(post),
        "reblogs_count": counts.reblogs,
        "favourites_count": counts.favourites,
        "replies_count": counts.replies,
        "favourited": view.favourited,
        "bookmarked": view.bookmarked,
        "reblogged": view.reblogged,
        "muted": False,
        "pinned": view.pinned,
        "poll": None,
        "card": None,
        "filtered": [],
    }


def application(post: Post) -> Entity | None:
    """The entity Status::Application: with which app a post was made."""
    if not post.application:
        return None
    return {"name": post.application, "website": post.application_website or None}


def content(post: Post, text: str, writer: Writer) -> str:
    """A text as HTML, with the mentions of a post that it is a version of."""
    names = {mention.username.lower(): mention.username for mention in post.mentions}
    return writer.paragraphs(text, names)


def attachment(source: Attachment, at: Addresses) -> Entity:
    """The entity MediaAttachment."""
    x, y = source.focus
    return {
        "id": source.id,
        "type": "image",
        "url": at.media(source.original),
        "preview_url": at.media(source.small),
        "remote_url": None,
        "preview_remote_url": None,
        "text_url": None,
        "meta": {
            "original": _size(source.original_size),
            "small": _size(source.small_size),
            "focus": {"x": float(x), "y": float(y)},
        },
        "description": source.description or None,
        "blurhash": source.blurhash,
    }


def _size(source: Size) -> Entity:
    return {
        "width": source.width,
        "height": source.height,
        "size": f"{source.width}x{source.height}",
        "aspect": source.width / max(1, source.height),
    }


def source(view: PostView) -> Entity:
    """The entity StatusSource: the text as it was typed."""
    post = view.post
    return {"id": post.id, "text": post.text, "spoiler_text": post.spoiler_text}


def edit(version: PostVersion, post: Post, at: Addresses, writer: Writer) -> Entity:
    """The entity StatusEdit, all but its `account`."""
    return {
        "content": content(post, version.text, writer),
        "spoiler_text": version.spoiler_text,
        "sensitive": version.sensitive,
        "created_at": version.created_at,
        "poll": None,
        "media_attachments": [attachment(picture, at) for picture in version.attachments],
        "emojis": [],
    }


def tag(source: TagUse, at: Addresses, *, following: bool) -> Entity:
    """The entity Tag."""
    return {
        "id": source.name,
        "name": source.name,
        "url": at.tag(source.name),
        "history": [
            {"day": str(day.day), "uses": str(day.uses), "accounts": str(day.accounts)}
            for day in source.history
        ],
        "following": following,
        "featuring": False,
    }
