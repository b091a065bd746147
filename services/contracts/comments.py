"""Comments: posts that answer others, and the threads that they make."""

from __future__ import annotations

from pydantic import Field

from services.contracts.accounts import Id, Model
from services.contracts.posts import Visibility


class Comment(Model):
    """A post as part of a thread. Event `comment.changed` on `comments`.

    `root` is the post at the top, `parent` the one that is answered; where that was deleted by
    itself, the nearest above it that is left. `audience` are the authors of
    all the posts above, without the comment's own; of a direct comment, those whom it mentions.
    Whether they may see it is for `posts` to say. `deleted` is final: the comment is gone, or a
    post above it with all that is below.
    """

    id: Id
    author: Id
    root: Id
    parent: Id
    audience: list[Id] = Field(default_factory=list)
    visibility: Visibility = "public"
    created_at: str
    deleted: bool = False


class ReplyCount(Model):
    """How many public and unlisted direct replies a post has.

    Event `replies.counted` on `comment-counts`.
    """

    post: Id
    total: int


class Thread(Model):
    """The ids around a post: those it answers, topmost first, and those that answer it.

    The latter in reading order: each is followed by its own replies, the oldest first.
    """

    ancestors: list[Id]
    descendants: list[Id]
