"""Comments: posts that reply to other posts, and their threads."""

from __future__ import annotations

from pydantic import Field

from services.contracts.accounts import Id, Model, examples
from services.contracts.posts import Visibility


class Comment(Model):
    """A post as part of a thread. Event `comment.changed` on `comments` once it ends or moves.

    `root` is the topmost post, `parent` the answered post or, if that was deleted alone, the
    nearest post above that remains. `audience` are the authors of all posts above, without the
    comment's author; for a direct comment, only those whom it mentions. Whether they may see the
    comment is decided by posts. `deleted` is final: the comment was deleted, or a post above it
    with its replies.
    """

    model_config = examples(
        {
            "id": "116548273999901537",
            "author": "115581273340018689",
            "root": "116548273934401537",
            "parent": "116548273934401537",
            "audience": ["116548270000001537"],
            "created_at": "2026-05-10T06:40:02.118Z",
        }
    )

    id: Id
    author: Id
    root: Id
    parent: Id
    audience: list[Id] = Field(default_factory=list)
    visibility: Visibility = "public"
    created_at: str
    deleted: bool = False


class ReplyCount(Model):
    """The number of public and unlisted direct replies of a post.

    Event `replies.counted` on `comment-counts`.
    """

    model_config = examples({"post": "116548273934401537", "total": 2})

    post: Id
    total: int


class Thread(Model):
    """The ids around a post: the posts above it, topmost first, and the comments below it.

    The latter are in reading order: each is followed by its own replies, the oldest first.
    """

    model_config = examples(
        {
            "ancestors": ["116548273934401537"],
            "descendants": ["116548273999901537", "116548274000201537"],
        }
    )

    ancestors: list[Id]
    descendants: list[Id]
