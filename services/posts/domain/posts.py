"""A post: how it comes to be, is edited, and ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from services.chassis.errors import Conflict, Invalid, NotFound
from services.contracts import limits
from services.posts.domain.text import clean, hashtags, mentioned_usernames
from services.shared.languages import language_code
from services.shared.pictures import Picture
from services.shared.text import count, entities, graphemes

Visibility = Literal["public", "unlisted", "private", "direct"]


@dataclass(frozen=True, slots=True)
class PostMention:
    """Somebody who is named in a post."""

    id: str
    username: str


@dataclass(frozen=True, slots=True)
class PostRecord:
    """A post. Others hear of everything but the last two.

    `path` are the posts above it with their authors, topmost first: the topmost and the nearest of
    the others; also those that are deleted by now. `in_reply_to_id` is the one that was answered,
    or after that was deleted the nearest that is left. `with_replies`: what is below a deleted
    comment goes with it. `revision` grows with each edit; `fingerprint` tells a repeated request
    from another one with the same key.
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
class PostDraft:
    """What somebody wants to post, held against the rules; what it refers to is not known yet."""

    text: str
    spoiler_text: str
    visibility: Visibility
    sensitive: bool
    language: str | None
    pictures: tuple[str, ...]
    products: tuple[str, ...]
    tags: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def create(
        cls,
        text: str,
        *,
        host: str = "",
        spoiler_text: str = "",
        visibility: Visibility | None = None,
        sensitive: bool = False,
        language: str | None = None,
        pictures: Iterable[str] = (),
        products: Iterable[str] = (),
    ) -> PostDraft:
        """A draft that keeps the rules; `host` is this place. Raises `Invalid`."""
        text, spoiler = clean(text), clean(spoiler_text)
        chosen = tuple(dict.fromkeys(pictures))
        found = entities(text)
        _check_length(count(text, found) + graphemes(spoiler))
        shown = tuple(dict.fromkeys(products))
        _check_pictures(chosen)
        _check_products(shown)
        _check_content(text, chosen)
        return cls(
            text=text,
            spoiler_text=spoiler,
            visibility=visibility or "public",
            sensitive=sensitive or bool(spoiler),
            language=language_code(language),
            pictures=chosen,
            products=shown,
            tags=hashtags(found),
            names=mentioned_usernames(found, host),
        )


@dataclass(frozen=True, slots=True)
class PostEdit:
    """What somebody wants a post to be; `None` leaves a part as it is."""

    text: str | None = None
    spoiler_text: str | None = None
    sensitive: bool | None = None
    language: str | None = None
    pictures: tuple[str, ...] | None = None
    products: tuple[str, ...] | None = None

    def to_draft(self, post: PostRecord, host: str = "") -> PostDraft:
        """The whole of what the post is to be, at a host. Raises `Invalid`."""
        kept = tuple(picture.id for picture in post.attachments)
        return PostDraft.create(
            post.text if self.text is None else self.text,
            host=host,
            spoiler_text=post.spoiler_text if self.spoiler_text is None else self.spoiler_text,
            visibility=post.visibility,
            sensitive=post.sensitive if self.sensitive is None else self.sensitive,
            language=post.language if self.language is None else self.language,
            pictures=kept if self.pictures is None else self.pictures,
            products=post.product_ids if self.products is None else self.products,
        )


@dataclass(frozen=True, slots=True)
class PostRevision:
    """A post as it was from a moment on."""

    text: str
    spoiler_text: str
    sensitive: bool
    language: str | None
    attachments: tuple[Picture, ...]
    created_at: str


def create_post(
    draft: PostDraft,
    *,
    id: str,
    author: str,
    now: str,
    parent: PostRecord | None = None,
    mentions: tuple[PostMention, ...] = (),
    attachments: tuple[Picture, ...] = (),
    application: str = "",
    application_website: str = "",
    fingerprint: str = "",
) -> PostRecord:
    """A post from a draft and what it refers to."""
    return PostRecord(
        id=id,
        author=author,
        created_at=now,
        text=draft.text,
        spoiler_text=draft.spoiler_text,
        visibility=draft.visibility,
        sensitive=draft.sensitive,
        language=draft.language,
        attachments=attachments,
        tags=draft.tags,
        mentions=mentions,
        product_ids=draft.products,
        in_reply_to_id=parent.id if parent else None,
        in_reply_to_account_id=parent.author if parent else None,
        application=application,
        application_website=application_website,
        path=_reply_path(parent) if parent else (),
        fingerprint=fingerprint,
    )


def _reply_path(parent: PostRecord) -> tuple[tuple[str, str], ...]:
    path = (*parent.path, (parent.id, parent.author))
    return path if len(path) <= limits.PATH else (path[0], *path[1 - limits.PATH :])


def create_once(existing: PostRecord | None, post: PostRecord) -> PostRecord:
    """The post that is there after creating one, perhaps again.

    Raises `Invalid` if the key of the request was used for another one, `NotFound` if the post
    was made and deleted, `Conflict` if the id is taken.
    """
    if existing is None:
        return post
    if existing.author != post.author or not post.fingerprint:
        raise Conflict("The id of the new post is taken. Try again.")
    if existing.deleted:
        raise NotFound("The post that was made with this idempotency key is deleted.")
    if existing.fingerprint != post.fingerprint:
        raise Invalid("This idempotency key was used for another post.", code="key_reused")
    return existing


def apply_edit(
    post: PostRecord | None,
    draft: PostDraft,
    *,
    revision: int,
    now: str,
    mentions: tuple[PostMention, ...],
    attachments: tuple[Picture, ...],
) -> PostRecord:
    """A post after an edit; the same post if the edit changes nothing.

    Raises `StaleRevision` if it is not at the revision any more that the edit was made from.
    """
    if post is None or post.deleted:
        raise post_not_found()
    if post.revision != revision:
        raise StaleRevision
    new = replace(
        post,
        text=draft.text,
        spoiler_text=draft.spoiler_text,
        sensitive=draft.sensitive,
        language=draft.language,
        attachments=attachments,
        tags=draft.tags,
        mentions=mentions,
        product_ids=draft.products,
    )
    return post if new == post else replace(new, edited_at=now, revision=revision + 1)


def tombstone(
    post: PostRecord, *, with_replies: bool = False, pictures_kept: bool = False
) -> PostRecord:
    """What is left of a deleted post: where it was, and that it was; nothing of what it said.

    Its author may keep its pictures for another post.
    """
    if post.deleted:
        return post
    return replace(
        post,
        text="",
        spoiler_text="",
        sensitive=False,
        language=None,
        attachments=(),
        tags=(),
        mentions=(),
        product_ids=(),
        application="",
        deleted=True,
        with_replies=with_replies,
        pictures_kept=pictures_kept,
    )


def delete_post(post: PostRecord, by: str, *, delete_media: bool) -> PostRecord:
    """What is left of a post that somebody deletes, perhaps again.

    Its pictures are kept for its author alone, until they or somebody else say otherwise.
    """
    kept = by == post.author and not delete_media
    buried = tombstone(post, with_replies=deletes_replies(post, by), pictures_kept=kept)
    return buried if kept else replace(buried, pictures_kept=False)


def to_revision(post: PostRecord) -> PostRevision:
    """A post as it is now, for its history."""
    return PostRevision(
        post.text,
        post.spoiler_text,
        post.sensitive,
        post.language,
        post.attachments,
        post.edited_at or post.created_at,
    )


def can_delete(post: PostRecord, user: str) -> bool:
    """Whether somebody may delete a post: their own, and every comment below their own."""
    return user == post.author or deletes_replies(post, user)


def deletes_replies(post: PostRecord, user: str) -> bool:
    """Whether what is below a comment goes too if somebody deletes it.

    So it is where somebody deletes what another wrote below their own post.
    """
    return user != post.author and any(author == user for _, author in post.path[:1])


def to_public(data: dict[str, Any]) -> dict[str, Any]:
    """What others hear of a post, from its document as JSON."""
    return {name: value for name, value in data.items() if name not in PRIVATE_FIELDS}


class StaleRevision(Exception):
    """The post was edited since it was read: decide again."""


def post_not_found() -> NotFound:
    """Not there and not visible are told apart by nobody."""
    return NotFound("There is no such post.")


def _check_length(characters: int) -> None:
    if characters > limits.CHARACTERS:
        raise Invalid(
            f"The text has {characters} characters; at most {limits.CHARACTERS} are possible."
        )


def _check_pictures(pictures: tuple[str, ...]) -> None:
    if len(pictures) > limits.PICTURES:
        raise Invalid(f"A post can have at most {limits.PICTURES} pictures.")


def _check_products(products: tuple[str, ...]) -> None:
    if len(products) > limits.PRODUCT_TAGS:
        raise Invalid(f"A post can show at most {limits.PRODUCT_TAGS} products.")


def _check_content(text: str, pictures: tuple[str, ...]) -> None:
    if not text and not pictures:
        raise Invalid("A post needs a text or a picture.")
