"""Comments: posts that reply to other posts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from services.comments.domain.threads import ThreadRow

Visibility = Literal["public", "unlisted", "private", "direct"]

_PRIVATE_FIELDS = frozenset({"path", "with_replies"})


@dataclass(frozen=True, slots=True)
class CommentRecord:
    """The document `comment:POST`: the place of a reply in its thread.

    `path` holds the posts above it, as in the post. `parent` is the nearest post above that was not
    deleted alone, `answered` the post that it was written under. `with_replies` says that its
    replies are deleted with it.
    """

    id: str
    author: str
    root: str
    parent: str
    audience: tuple[str, ...]
    visibility: Visibility
    created_at: str
    deleted: bool = False
    path: tuple[tuple[str, str], ...] = ()
    with_replies: bool = False

    @property
    def is_counted(self) -> bool:
        """Whether it is counted as a reply. As in Mastodon, only open comments are."""
        return self.visibility in ("public", "unlisted")

    @property
    def answered(self) -> str:
        """The post that the comment was written under."""
        return self.path[-1][0] if self.path else self.parent

    @property
    def is_changed(self) -> bool:
        """Whether it is deleted or moved: posts knows all else, of which the comment is made."""
        return self.deleted or self.parent != self.answered

    @property
    def row(self) -> ThreadRow:
        """The row of the comment in the list of its thread."""
        return [self.id, self.answered, self.author]


def comment_from_post(post: Mapping[str, Any]) -> CommentRecord:
    """Return the comment for a reply."""
    path = tuple((id, author) for id, author in post["path"])
    authors = dict.fromkeys(author for _, author in path if author != post["author"])
    if post["visibility"] == "direct":
        mentioned = {mention["id"] for mention in post["mentions"]}
        authors = dict.fromkeys(author for author in authors if author in mentioned)
    return CommentRecord(
        id=post["id"],
        author=post["author"],
        root=path[0][0],
        parent=post["in_reply_to_id"],
        audience=tuple(authors),
        visibility=post["visibility"],
        created_at=post["created_at"],
        deleted=post["deleted"],
        path=path,
        with_replies=post["with_replies"],
    )


def apply_post(known: CommentRecord | None, now: CommentRecord) -> CommentRecord:
    """Return a comment after an event of its post. Only its final deletion can change it."""
    if known is None:
        return now
    return end(known, with_replies=now.with_replies) if now.deleted else known


def end(comment: CommentRecord, *, with_replies: bool) -> CommentRecord:
    """Return a comment as deleted, alone or with its replies."""
    if comment.deleted:
        return comment
    return replace(comment, deleted=True, with_replies=with_replies)


def reparent(comment: CommentRecord, parent: str) -> CommentRecord:
    """Return a comment below another post of its path. A deleted one stays where it was."""
    return comment if comment.deleted else replace(comment, parent=parent)


def to_public(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event data of a comment from its JSON document."""
    return {name: value for name, value in data.items() if name not in _PRIVATE_FIELDS}
