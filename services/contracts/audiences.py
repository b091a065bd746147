"""The connected users who receive a post, and their interactions with it.

The gateway requests the audience from feed, and the interactions from posts.
"""

from __future__ import annotations

from pydantic import Field

from services.contracts.accounts import Account, Id, Model
from services.contracts.posts import Post, PostView

MAX_USERS = 2_000
"""Users in one request."""


class AudienceRequest(Model):
    """A post from an event that the feed may not have received yet.

    `users` stream their home timelines, `viewers` stream public channels. A deleted post has the
    tags that it had before.
    """

    post: Post
    version: int = Field(ge=1)
    users: list[Id] = Field(default_factory=list, max_length=MAX_USERS)
    viewers: list[Id] = Field(default_factory=list, max_length=MAX_USERS)


class Audience(Model):
    """The users whose home timeline gets the post, the viewers who must not see it, and the post.

    `view` has no interactions of a viewer. `authors` are the authors of the post and of the post
    that it boosts; for a direct post also the users whom it mentions. Accounts and boosted posts
    that the feed does not know yet are missing. `conversation` is the conversation of a direct
    post.
    """

    home: list[Id]
    hidden: list[Id]
    view: PostView
    authors: dict[Id, Account] = Field(default_factory=dict)
    conversation: Id = ""


class MarksRequest(Model):
    """A post with its author, and the users who are about to receive it."""

    post: Id
    author: Id
    users: list[Id] = Field(max_length=MAX_USERS)


class PostMarks(Model):
    """The interactions of a user with a post, as in their `PostView` of it."""

    favourited: bool = False
    bookmarked: bool = False
    reblogged: bool = False
    pinned: bool = False
