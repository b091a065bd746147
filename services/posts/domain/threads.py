"""The order in which a thread is read."""

from __future__ import annotations

from collections.abc import Iterable

from services.posts.domain.posts import Post

DESCENDANTS, DEPTH = 60, 20
"""How many replies a thread shows, and how deep: Mastodon's own numbers for strangers."""


def in_reading_order(root: str, replies: Iterable[Post]) -> list[Post]:
    """Replies below a post: each followed by its own, oldest first. Strays are left out."""
    children: dict[str, list[Post]] = {}
    for reply in sorted(replies, key=lambda post: post.id, reverse=True):
        children.setdefault(reply.in_reply_to_id or "", []).append(reply)
    ordered: list[Post] = []
    waiting = children.pop(root, [])
    while waiting:
        reply = waiting.pop()
        ordered.append(reply)
        waiting += children.pop(reply.id, [])
    return ordered
