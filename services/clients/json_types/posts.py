"""Posts and what is made of them. See `services.clients.json_types`."""

from __future__ import annotations

from typing import TypedDict

from services.clients.json_types.accounts import AccountJson, MentionJson
from services.contracts.posts import AccountRef, PostRef


class SizeJson(TypedDict):
    width: int
    height: int


class AttachmentJson(TypedDict):
    id: str
    owner: str
    mime: str
    original: str
    small: str
    original_size: SizeJson
    small_size: SizeJson
    blurhash: str
    description: str
    focus: list[float]
    medium: str
    medium_size: SizeJson | None


class PostJson(TypedDict):
    id: str
    author: str
    text: str
    spoiler_text: str
    visibility: str
    sensitive: bool
    language: str | None
    attachments: list[AttachmentJson]
    tags: list[str]
    mentions: list[MentionJson]
    in_reply_to_id: str | None
    in_reply_to_account_id: str | None
    path: list[list[str]]
    reblog_of_id: str | None
    reblog_of_account_id: str | None
    product_ids: list[str]
    application: str
    application_website: str
    created_at: str
    edited_at: str | None
    deleted: bool
    with_replies: bool
    pictures_kept: bool


class PostCountsJson(TypedDict):
    favourites: int
    reblogs: int
    replies: int


class PostViewJson(TypedDict):
    post: PostJson
    version: int
    counts: PostCountsJson
    favourited: bool
    bookmarked: bool
    reblogged: bool
    pinned: bool
    reblog: PostViewJson | None


class PostListJson(TypedDict):
    ids: list[str]
    views: list[PostViewJson]
    more: str


class ReactorsJson(TypedDict):
    ids: list[str]
    accounts: list[str]
    more: str


class PageJson(TypedDict):
    views: list[PostViewJson]
    accounts: dict[str, AccountJson]
    ids: list[str]
    refs: dict[str, PostRef]
    people: dict[str, AccountRef]
    first: str
    last: str
    more: str
    tag: str
    same: bool
    documents: list[str]


class PostVersionJson(TypedDict):
    text: str
    spoiler_text: str
    sensitive: bool
    language: str | None
    attachments: list[AttachmentJson]
    created_at: str


class PostMarksJson(TypedDict):
    favourited: bool
    bookmarked: bool
    reblogged: bool
    pinned: bool


class AudienceJson(TypedDict):
    home: list[str]
    hidden: list[str]
    view: PostViewJson
    authors: dict[str, AccountJson]
    conversation: str


class ThreadJson(TypedDict):
    ancestors: list[str]
    descendants: list[str]


class ConversationViewJson(TypedDict):
    id: str
    place: str
    unread: bool
    people: list[str]
    last: PostViewJson


class ConversationPageJson(TypedDict):
    conversations: list[ConversationViewJson]
    accounts: dict[str, AccountJson]
    first: str
    last: str
    more: str


class DayOfTagJson(TypedDict):
    day: int
    uses: int
    accounts: int


class TagUseJson(TypedDict):
    name: str
    history: list[DayOfTagJson]
