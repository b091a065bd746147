"""Pins: the few posts that somebody wants on top of their profile."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from services.chassis.errors import Invalid
from services.contracts import limits
from services.posts.domain.posts import PostRecord


@dataclass(frozen=True, slots=True)
class PinnedPosts:
    """What somebody has pinned, newest pin first."""

    account: str
    posts: tuple[str, ...] = ()

    def with_post(self, post: str) -> PinnedPosts:
        """With a post; a repeat changes nothing. Raises `Invalid` where there is no room."""
        if post in self.posts:
            return self
        if len(self.posts) >= limits.PINS:
            raise Invalid(f"You have already pinned {limits.PINS} posts, which is the most.")
        return PinnedPosts(self.account, (post, *self.posts))

    def without_posts(self, gone: Collection[str]) -> PinnedPosts:
        """Without some posts."""
        return PinnedPosts(self.account, tuple(post for post in self.posts if post not in gone))


def check_pinnable(post: PostRecord, user: str) -> None:
    """Raises `Invalid`, as Mastodon does, for what cannot be pinned."""
    if post.reblog_of_id:
        raise Invalid("A boost cannot be pinned.")
    if post.author != user:
        raise Invalid("Somebody else's post cannot be pinned.")
    if post.visibility == "direct":
        raise Invalid("A post that only mentioned people see cannot be pinned.")
