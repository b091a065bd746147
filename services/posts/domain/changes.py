"""How a post is created, edited and deleted."""

from __future__ import annotations

from dataclasses import replace

from services.chassis.errors import Conflict, Invalid, NotFound
from services.contracts import limits
from services.posts.domain.drafts import PostDraft
from services.posts.domain.posts import PostMention, PostRecord, post_not_found
from services.shared.pictures import Picture


class StaleRevision(Exception):
    """The post was edited after it was read. Read it again and decide anew."""


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
    """Return a new post from a draft and its resolved references."""
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
    return path if len(path) <= limits.MAX_PATH else (path[0], *path[1 - limits.MAX_PATH :])


def create_once(existing: PostRecord | None, post: PostRecord) -> PostRecord:
    """Return the stored post after a creation that may be a repetition.

    Raises `Invalid` if the idempotency key was used for a different request, `NotFound` if the post
    was created and deleted, `Conflict` if the id is taken.
    """
    if existing is None:
        return post
    if existing.author != post.author or not post.fingerprint:
        raise Conflict("The id of the new post is taken. Try again.")
    if existing.deleted:
        raise NotFound("The post that was created with this idempotency key is deleted.")
    if existing.fingerprint != post.fingerprint:
        raise Invalid(
            "This idempotency key was used for another post.",
            code="key_reused",
            details={"post": existing.id},
        )
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
    """Return the edited post, or the same post if the edit changes nothing.

    Raises `StaleRevision` unless the post still has the revision that the edit is based on.
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
    """Return the tombstone of a post: its place in the thread without its content.

    With `pictures_kept` its author may use the pictures in another post.
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
    """Return the tombstone after a deletion by a user, which may be a repetition.

    The pictures are kept for the author alone, until anybody asks for their deletion too.
    """
    kept = by == post.author and not delete_media
    deleted = tombstone(post, with_replies=deletes_replies(post, by), pictures_kept=kept)
    return deleted if kept else replace(deleted, pictures_kept=False)


def can_delete(post: PostRecord, user: str) -> bool:
    """Return whether a user may delete a post: an own one, or a comment below an own post."""
    return user == post.author or deletes_replies(post, user)


def deletes_replies(post: PostRecord, user: str) -> bool:
    """Return whether deleting a comment also deletes its replies.

    It does where the owner of the topmost post deletes a comment by somebody else.
    """
    return user != post.author and any(author == user for _, author in post.path[:1])
