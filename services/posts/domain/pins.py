"""Pins: the few posts that somebody wants on top of their profile."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from services.chassis.errors import Invalid
from services.contracts import limits
from services.posts.domain.posts import Post


@dataclass(frozen=True, slots=True)
class Pins:
    """What somebody has pinned, newest pin first."""

    account: str
    posts: tuple[str, ...] = ()

    def adding(self, post: str) -> Pins:
        """With a post; a repeat changes nothing. Raises `Invalid` where there is no room."""
        if post in self.posts:
            return self
        if len(self.posts) >= limits.PINS:
            raise Invalid(f"You have already pinned {limits.PINS} posts, which is the most.")
        return Pins(self.account, (post, *self.posts))

    def without(self, gone: Collection[str]) -> Pins:
        """Without some posts."""
        return Pins(self.account, tuple(post for post in self.posts if post not in gone))


def check_pinnable(post: Post, user: str) -> None:
    """Raises `Invalid`, as Mastodon does, for what cannot be pinned."""
    if post.reblog_of_id:
        raise Invalid("A boost cannot be pinned.")
    if post.author != user:
        raise Invalid("Somebody else's post cannot be pinned.")
    if post.visibility == "direct":
        raise Invalid("A post that only mentioned people see cannot be pinned.")
