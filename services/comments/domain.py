"""Comments and threads: plain rules on plain values.

A row of a thread is `[comment id, parent id, author id]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from services.contracts.limits import PATH

Row = list[Any]
Visibility = Literal["public", "unlisted", "private", "direct"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a thread somebody is shown: posts above, posts below, and levels below."""

    ancestors: int
    descendants: int
    depth: int


SIGNED_IN = Bounds(ancestors=1_024, descendants=1_024, depth=1_024)
"""A quarter of Mastodon's own numbers: what a client can still show."""

STRANGERS = Bounds(ancestors=40, descendants=60, depth=20)
"""Mastodon's own numbers."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A post's place in a thread. `path` are the posts above it as `posts` tells them."""

    id: str
    author: str
    root: str
    parent: str
    audience: tuple[str, ...]
    visibility: Visibility
    created_at: str
    deleted: bool = False
    path: tuple[tuple[str, str], ...] = ()

    @property
    def is_counted(self) -> bool:
        """Whether everybody may know of it: as in Mastodon, the others are not counted."""
        return self.visibility in ("public", "unlisted")

    @property
    def row(self) -> Row:
        return [self.id, self.parent, self.author]


def comment_of(post: Mapping[str, Any]) -> Comment:
    """The comment that a reply is."""
    path = tuple((above[0], above[1]) for above in post["path"])
    authors = dict.fromkeys(author for _, author in path if author != post["author"])
    if post["visibility"] == "direct":
        mentioned = {mention["id"] for mention in post["mentions"]}
        authors = dict.fromkeys(author for author in authors if author in mentioned)
    return Comment(
        id=post["id"],
        author=post["author"],
        root=path[0][0],
        parent=post["in_reply_to_id"],
        audience=tuple(authors),
        visibility=post["visibility"],
        created_at=post["created_at"],
        deleted=post["deleted"],
        path=path,
    )


def heard(known: Comment | None, now: Comment) -> Comment:
    """A comment after news of its post: nothing of it can change but that it ends, for good."""
    if known is None:
        return now
    return ended(known) if now.deleted else known


def ended(comment: Comment) -> Comment:
    """A comment that is gone."""
    return comment if comment.deleted else replace(comment, deleted=True)


def public(data: Mapping[str, Any]) -> dict[str, Any]:
    """What others hear of a comment, from its document as JSON."""
    return {name: value for name, value in data.items() if name != "path"}


def above(path: Sequence[tuple[str, str]], rows: Iterable[Row], most: int) -> list[str]:
    """The posts above a comment, topmost first; of too many, the topmost and the nearest.

    A path that is cut has a gap below its topmost post, which is filled from a thread's rows.
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
    return ids if len(ids) <= most else [ids[0], *ids[1 - most :]]


def below(id: str, rows: Iterable[Row], *, most: int, depth: int) -> list[str]:
    """The comments below a post in reading order: each followed by its own, oldest first.

    What hangs on nothing, since the comment between is gone, is left out.
    """
    children: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: str(row[0]), reverse=True):
        children.setdefault(row[1], []).append(row[0])
    ordered: list[str] = []
    waiting = [(child, 1) for child in children.get(id, ())]
    while waiting and len(ordered) < most:
        comment, level = waiting.pop()
        ordered.append(comment)
        if level < depth:
            waiting += [(child, level + 1) for child in children.get(comment, ())]
    return ordered
