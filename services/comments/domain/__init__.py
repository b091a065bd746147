"""Comments and threads: plain rules on plain values.

A row of a thread is `[comment id, parent id, author id]`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from services.contracts.limits import PATH

ThreadRow = list[Any]
Visibility = Literal["public", "unlisted", "private", "direct"]

_OWN_FIELDS = frozenset({"path", "with_replies"})


@dataclass(frozen=True, slots=True)
class ThreadLimits:
    """How much of a thread somebody is shown: posts above, posts below, and levels below."""

    ancestors: int
    descendants: int
    depth: int


SIGNED_IN = ThreadLimits(ancestors=1_024, descendants=1_024, depth=1_024)
"""A quarter of Mastodon's own numbers: what a client can still show."""

ANONYMOUS = ThreadLimits(ancestors=40, descendants=60, depth=20)
"""Mastodon's own numbers."""


@dataclass(frozen=True, slots=True)
class CommentRecord:
    """A post's place in a thread. `path` are the posts above it as `posts` tells them.

    `parent` is the nearest post above it that was not deleted by itself, `answered` the one that
    it was written under. `with_replies`: whether what is below it is deleted too.
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
        """Whether everybody may know of it: as in Mastodon, the others are not counted."""
        return self.visibility in ("public", "unlisted")

    @property
    def answered(self) -> str:
        return self.path[-1][0] if self.path else self.parent

    @property
    def row(self) -> ThreadRow:
        return [self.id, self.answered, self.author]


def comment_from_post(post: Mapping[str, Any]) -> CommentRecord:
    """The comment that a reply is."""
    path = tuple((ancestors[0], ancestors[1]) for ancestors in post["path"])
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
    """A comment after news of its post: nothing of it can change but that it ends, for good."""
    if known is None:
        return now
    return end(known, with_replies=now.with_replies) if now.deleted else known


def end(comment: CommentRecord, *, with_replies: bool) -> CommentRecord:
    """A comment that is gone, by itself or with all that is below it."""
    if comment.deleted:
        return comment
    return replace(comment, deleted=True, with_replies=with_replies)


def reparent(comment: CommentRecord, parent: str) -> CommentRecord:
    """A comment below another post of those above it; one that is gone stays where it was."""
    return comment if comment.deleted else replace(comment, parent=parent)


def to_public(data: Mapping[str, Any]) -> dict[str, Any]:
    """What others hear of a comment, from its document as JSON."""
    return {name: value for name, value in data.items() if name not in _OWN_FIELDS}


def ancestors(
    path: Sequence[tuple[str, str]],
    rows: Iterable[ThreadRow],
    most: int,
    gone: Collection[str] = (),
) -> list[str]:
    """The posts above a comment, topmost first; of too many, the topmost and the nearest.

    A path that is cut has a gap below its topmost post, which is filled from a thread's rows.
    Those that are `gone` are left out.
    """
    ids = [id for id, _ in path]
    if len(ids) >= PATH:
        root, *near = ids
        parents = {row[0]: row[1] for row in rows}
        gap: list[str] = []
        at = parents.get(near[0], root)
        while at != root:
            gap.append(at)
            at = parents.get(at, root)
        ids = [root, *reversed(gap), *near]
    ids = [id for id in ids if id not in gone]
    return ids if len(ids) <= most else [ids[0], *ids[1 - most :]]


def descendants(
    id: str, rows: Iterable[ThreadRow], *, most: int, depth: int, gone: Collection[str] = ()
) -> list[str]:
    """The comments below a post in reading order: each followed by its own, oldest first.

    Those that are `gone` are left out: what answers them is below the nearest post that is left.
    What hangs on nothing, since the comment between is not among the rows, is left out too.
    """
    parents = {row[0]: row[1] for row in rows}
    children: dict[str, list[str]] = {}
    for comment in sorted(parents.keys() - set(gone), key=str, reverse=True):
        children.setdefault(_nearest_remaining(comment, parents, gone), []).append(comment)
    ordered: list[str] = []
    waiting = [(child, 1) for child in children.get(id, ())]
    while waiting and len(ordered) < most:
        comment, level = waiting.pop()
        ordered.append(comment)
        if level < depth:
            waiting += [(child, level + 1) for child in children.get(comment, ())]
    return ordered


def _nearest_remaining(comment: str, parents: dict[str, str], gone: Collection[str]) -> str:
    """The nearest post above a comment that is left; shortens the ways that lead there."""
    passed: list[str] = []
    at = parents[comment]
    while at in gone and at in parents:
        passed.append(at)
        at = parents[at]
    parents.update(dict.fromkeys([comment, *passed], at))
    return at
