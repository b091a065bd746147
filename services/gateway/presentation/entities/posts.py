"""Status without `account`, MediaAttachment, StatusSource, StatusEdit, Tag."""

from __future__ import annotations

from typing import Any

from services.contracts.discovery import TagUse
from services.contracts.posts import Attachment, Post, PostVersion, PostView, Size
from services.gateway.presentation.html import HtmlWriter
from services.gateway.presentation.urls import PublicUrls

Entity = dict[str, Any]


def status(view: PostView, username: str, at: PublicUrls, writer: HtmlWriter) -> Entity:
    """The entity Status without `account` and `reblog`."""
    post, counts = view.post, view.counts
    return {
        "id": post.id,
        "uri": at.post_uri(username, post.id),
        "url": at.post(username, post.id),
        "created_at": post.created_at,
        "edited_at": post.edited_at,
        "content": content_html(post, post.text, writer),
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
    """The entity Status::Application: the app with which a post was created."""
    if not post.application:
        return None
    return {"name": post.application, "website": post.application_website or None}


def content_html(post: Post, text: str, writer: HtmlWriter) -> str:
    """A text as HTML, with the mentions of the post that it is a version of."""
    names = {mention.username.lower(): mention.username for mention in post.mentions}
    return writer.paragraphs(text, names)


def attachment(status_source: Attachment, at: PublicUrls) -> Entity:
    """The entity MediaAttachment.

    `meta.medium` is our own: a size for phones, with its `url`, or null.
    """
    x, y = status_source.focus
    return {
        "id": status_source.id,
        "type": "image",
        "url": at.media(status_source.original),
        "preview_url": at.media(status_source.small),
        "remote_url": None,
        "preview_remote_url": None,
        "text_url": None,
        "meta": {
            "original": _size(status_source.original_size),
            "medium": _medium(status_source, at),
            "small": _size(status_source.small_size),
            "focus": {"x": float(x), "y": float(y)},
        },
        "description": status_source.description or None,
        "blurhash": status_source.blurhash,
    }


def _medium(status_source: Attachment, at: PublicUrls) -> Entity | None:
    if status_source.medium_size is None:
        return None
    return _size(status_source.medium_size) | {"url": at.media(status_source.medium)}


def _size(status_source: Size) -> Entity:
    return {
        "width": status_source.width,
        "height": status_source.height,
        "size": f"{status_source.width}x{status_source.height}",
        "aspect": status_source.width / max(1, status_source.height),
    }


def status_source(view: PostView) -> Entity:
    """The entity StatusSource: the text as it was typed."""
    post = view.post
    return {"id": post.id, "text": post.text, "spoiler_text": post.spoiler_text}


def status_edit(version: PostVersion, post: Post, at: PublicUrls, writer: HtmlWriter) -> Entity:
    """The entity StatusEdit without `account`."""
    return {
        "content": content_html(post, version.text, writer),
        "spoiler_text": version.spoiler_text,
        "sensitive": version.sensitive,
        "created_at": version.created_at,
        "poll": None,
        "media_attachments": [attachment(picture, at) for picture in version.attachments],
        "emojis": [],
    }


def tag(status_source: TagUse, at: PublicUrls, *, following: bool) -> Entity:
    """The entity Tag."""
    return {
        "id": status_source.name,
        "name": status_source.name,
        "url": at.tag(status_source.name),
        "history": [
            {"day": str(day.day), "uses": str(day.uses), "accounts": str(day.accounts)}
            for day in status_source.history
        ],
        "following": following,
        "featuring": False,
    }
