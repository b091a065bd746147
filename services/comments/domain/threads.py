"""Threads: which comments are above and below a post."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from services.contracts.limits import MAX_PATH

ThreadRow = list[Any]
"""`[comment id, answered post id, author id]`"""


@dataclass(frozen=True, slots=True)
class ThreadLimits:
    """How many posts above, posts below and levels below a reader gets."""

    ancestors: int
    descendants: int
    depth: int


SIGNED_IN = ThreadLimits(ancestors=1_024, descendants=1_024, depth=1_024)
"""A quarter of Mastodon's limits, which clients can still show."""

ANONYMOUS = ThreadLimits(ancestors=40, descendants=60, depth=20)
"""Mastodon's limits."""


def ancestors(
    path: Sequence[tuple[str, str]],
    rows: Iterable[ThreadRow],
    most: int,
    removed: Collection[str] = (),
) -> list[str]:
    """Return the posts above a comment, topmost first, without `removed` ones.

    Of too many, the topmost and the nearest are returned. A path of the maximum length has a gap
    below its topmost post, which is filled from the rows of the thread.
    """
    ids = [id for id, _ in path]
    if len(ids) >= MAX_PATH:
        root, *near = ids
        parents = {comment: answered for comment, answered, _ in rows}
        gap: list[str] = []
        at = parents.get(near[0], root)
        while at != root:
            gap.append(at)
            at = parents.get(at, root)
        ids = [root, *reversed(gap), *near]
    ids = [id for id in ids if id not in removed]
    return ids if len(ids) <= most else [ids[0], *ids[1 - most :]]


def descendants(
    id: str, rows: Iterable[ThreadRow], *, most: int, depth: int, removed: Collection[str] = ()
) -> list[str]:
    """Return the comments below a post in reading order: depth first, oldest first.

    `removed` comments are left out; their replies are below the nearest remaining post. Comments
    whose parent is not among the rows are left out too.
    """
    parents = {comment: answered for comment, answered, _ in rows}
    children: dict[str, list[str]] = {}
    for comment in sorted(parents.keys() - set(removed), key=str, reverse=True):
        children.setdefault(_nearest_remaining(comment, parents, removed), []).append(comment)
    ordered: list[str] = []
    stack = [(child, 1) for child in children.get(id, ())]
    while stack and len(ordered) < most:
        comment, level = stack.pop()
        ordered.append(comment)
        if level < depth:
            stack += [(child, level + 1) for child in children.get(comment, ())]
    return ordered


def _nearest_remaining(comment: str, parents: dict[str, str], removed: Collection[str]) -> str:
    """Return the nearest remaining post above a comment, and shorten the paths to it."""
    passed: list[str] = []
    at = parents[comment]
    while at in removed and at in parents:
        passed.append(at)
        at = parents[at]
    parents.update(dict.fromkeys([comment, *passed], at))
    return at
