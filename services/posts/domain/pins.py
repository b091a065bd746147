"""Pins: the few posts on top of a profile."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from services.chassis.errors import Invalid
from services.contracts import limits
from services.posts.domain.posts import PostRecord


@dataclass(frozen=True, slots=True)
class PinnedPosts:
    """The document `pins:USER`, the newest pin first."""

    account: str
    posts: tuple[str, ...] = ()

    def with_post(self, post: str) -> PinnedPosts:
        """Return the pins with a post. A repetition changes nothing. Raises `Invalid` if full."""
        if post in self.posts:
            return self
        if len(self.posts) >= limits.MAX_PINS:
            raise Invalid(f"You already pinned {limits.MAX_PINS} posts. Unpin one first.")
        return PinnedPosts(self.account, (post, *self.posts))

    def without_posts(self, removed: Collection[str]) -> PinnedPosts:
        """Return the pins without some posts."""
        return PinnedPosts(self.account, tuple(post for post in self.posts if post not in removed))


def check_pinnable(post: PostRecord, user: str) -> None:
    """Raise `Invalid`, as Mastodon does, for a post that a user cannot pin."""
    if post.reblog_of_id:
        raise Invalid("A boost cannot be pinned.")
    if post.author != user:
        raise Invalid("You can only pin your own posts.")
    if post.visibility == "direct":
        raise Invalid("A direct message cannot be pinned.")
