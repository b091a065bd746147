"""What one person has of a conversation: plain rules on plain values.

A conversation is what the same people wrote to one another, and to nobody else, in one thread: as
in Mastodon, an answer that names one more is in another one. Whoever is in it has a document of
their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

MAX_POSTS = 100
"""Of how many of the newest posts of a conversation it is known that they are in it."""

_FIRST_ID, _ID_COUNT = 10**17, 9 * 10**17
"""Ids are numbers of 18 digits, as all others."""


@dataclass(frozen=True, slots=True)
class ConversationRecord:
    """`people` are all who are in it, `posts` the newest with their authors.

    `read` is up to which post its owner has read, `unread` the one that was the last when they
    said that they have not, `cleared` the last of those that they put away.
    """

    people: tuple[str, ...]
    posts: dict[str, str] = field(default_factory=dict)
    read: str = ""
    unread: str = ""
    cleared: str = ""

    @property
    def visible_posts(self) -> list[str]:
        """The posts that are not put away, newest first."""
        return sorted((id for id in self.posts if id > self.cleared), reverse=True)

    @property
    def last_post(self) -> str:
        """The newest of them, which is its place in the list; empty where there is none."""
        return max(self.visible_posts, default="")

    def others(self, owner: str) -> list[str]:
        """All but one."""
        return [person for person in self.people if person != owner]

    def is_unread(self, owner: str, last: str) -> bool:
        """Whether there is something that the owner has not read, of which `last` is the last."""
        if self.unread == last:
            return True
        return self.posts[last] != owner and last > self.read

    def readable_posts(self, owner: str, sees: Callable[[str], bool]) -> list[str]:
        """The posts that its owner may be shown, newest first.

        None where all others in it are people whom they do not see.
        """
        others = self.others(owner)
        if others and not any(sees(person) for person in others):
            return []
        return [id for id in self.visible_posts if self.posts[id] == owner or sees(self.posts[id])]


def participants(post: Mapping[str, Any]) -> tuple[str, ...]:
    """Who made a direct post, and whom it names."""
    return tuple(sorted({post["author"], *(mention["id"] for mention in post["mentions"])}))


def conversation_id(post: Mapping[str, Any]) -> str:
    """The conversation that a direct post is in: the same for all who are in it."""
    root = post["path"][0][0] if post["path"] else post["id"]
    digest = blake2b(" ".join([root, *participants(post)]).encode(), digest_size=8).digest()
    return str(_FIRST_ID + int.from_bytes(digest, "big") % _ID_COUNT)


def memberships(post: Mapping[str, Any]) -> set[tuple[str, str]]:
    """In whose conversations a post is: owners and ids."""
    if not post or post["deleted"] or post["visibility"] != "direct":
        return set()
    id = conversation_id(post)
    return {(person, id) for person in participants(post)}


def with_post(
    known: ConversationRecord | None, owner: str, post: Mapping[str, Any]
) -> ConversationRecord:
    """With a post; whoever writes one has read what was before."""
    known = known or ConversationRecord(participants(post))
    posts = {**known.posts, post["id"]: post["author"]}
    for id in sorted(posts)[:-MAX_POSTS]:
        del posts[id]
    read = max(known.read, post["id"]) if post["author"] == owner else known.read
    return replace(known, posts=posts, read=read)


def without_post(known: ConversationRecord, post: str) -> ConversationRecord:
    """Without one."""
    return replace(known, posts={id: by for id, by in known.posts.items() if id != post})


def set_read(known: ConversationRecord, *, read: bool) -> ConversationRecord:
    """After its owner says that they have read it, or that they have not."""
    if read:
        return replace(known, read=max(known.read, known.last_post), unread="")
    return replace(known, unread=known.last_post)


def clear(known: ConversationRecord) -> ConversationRecord:
    """Without all that is in it now."""
    return replace(known, cleared=max(known.cleared, known.last_post), unread="")
