"""Conversations: direct posts between the same people in one thread.

As in Mastodon, a reply that mentions one more user belongs to another conversation. Each
participant has a document of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

MAX_POSTS = 100
"""How many of the newest posts of a conversation are kept."""

_FIRST_ID, _ID_COUNT = 10**17, 9 * 10**17
"""Conversation ids have 18 digits, as all other ids."""


@dataclass(frozen=True, slots=True)
class ConversationRecord:
    """The document `conversation:USER:ID`: a conversation as one participant has it.

    `people` are all participants, `posts` the newest posts with their authors. `read` is the newest
    post that the owner has read, `unread` the newest post when they marked the conversation as
    unread, `cleared` the newest post when they removed it.
    """

    people: tuple[str, ...]
    posts: dict[str, str] = field(default_factory=dict)
    read: str = ""
    unread: str = ""
    cleared: str = ""

    @property
    def visible_posts(self) -> list[str]:
        """The posts that are not removed, newest first."""
        return sorted((id for id in self.posts if id > self.cleared), reverse=True)

    @property
    def last_post(self) -> str:
        """The newest visible post, which is the position in the list, or empty."""
        return max(self.visible_posts, default="")

    def others(self, owner: str) -> list[str]:
        """Return all participants but the owner."""
        return [person for person in self.people if person != owner]

    def is_unread(self, owner: str, last: str) -> bool:
        """Return whether the owner has unread posts, of which `last` is the newest."""
        if self.unread == last:
            return True
        return self.posts[last] != owner and last > self.read

    def readable_posts(self, owner: str, sees: Callable[[str], bool]) -> list[str]:
        """Return the posts that the owner may see, newest first.

        None if the owner does not see any other participant.
        """
        others = self.others(owner)
        if others and not any(sees(person) for person in others):
            return []
        return [id for id in self.visible_posts if self.posts[id] == owner or sees(self.posts[id])]


def participants(post: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the author of a direct post and the mentioned users."""
    return tuple(sorted({post["author"], *(mention["id"] for mention in post["mentions"])}))


def conversation_id(post: Mapping[str, Any]) -> str:
    """Return the conversation of a direct post: the same id for all participants."""
    root = post["path"][0][0] if post["path"] else post["id"]
    digest = blake2b(" ".join([root, *participants(post)]).encode(), digest_size=8).digest()
    return str(_FIRST_ID + int.from_bytes(digest, "big") % _ID_COUNT)


def memberships(post: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the conversations of a post as pairs of owner and id."""
    if not post or post["deleted"] or post["visibility"] != "direct":
        return set()
    id = conversation_id(post)
    return {(person, id) for person in participants(post)}


def with_post(
    known: ConversationRecord | None, owner: str, post: Mapping[str, Any]
) -> ConversationRecord:
    """Return a conversation with a post. Its author has read everything before."""
    known = known or ConversationRecord(participants(post))
    posts = {**known.posts, post["id"]: post["author"]}
    for id in sorted(posts)[:-MAX_POSTS]:
        del posts[id]
    read = max(known.read, post["id"]) if post["author"] == owner else known.read
    return replace(known, posts=posts, read=read)


def without_post(known: ConversationRecord, post: str) -> ConversationRecord:
    """Return a conversation without a post."""
    return replace(known, posts={id: by for id, by in known.posts.items() if id != post})


def set_read(known: ConversationRecord, *, read: bool) -> ConversationRecord:
    """Return a conversation that its owner marked as read or unread."""
    if read:
        return replace(known, read=max(known.read, known.last_post), unread="")
    return replace(known, unread=known.last_post)


def clear(known: ConversationRecord) -> ConversationRecord:
    """Return a conversation that its owner removed, until the next post."""
    return replace(known, cleared=max(known.cleared, known.last_post), unread="")
