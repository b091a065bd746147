"""Which of those who are connected a post is for, and what they did with it.

What the gateway asks the feed, and posts.
"""

from __future__ import annotations

from pydantic import Field

from services.contracts.accounts import Account, Id, Model
from services.contracts.posts import Post, PostView

PEOPLE = 2_000
"""How many people may be asked for at once."""


class AudienceQuestion(Model):
    """A post as it was just heard of, which may be before the feed hears of it.

    `users` listen to their homes, `viewers` to channels that all share. Of a post that is deleted
    the tags are those it had.
    """

    post: Post
    version: int = Field(ge=1)
    users: list[Id] = Field(default_factory=list, max_length=PEOPLE)
    viewers: list[Id] = Field(default_factory=list, max_length=PEOPLE)


class Audience(Model):
    """Into whose home the post belongs, from which viewers it is to be hidden, and the post.

    The view is nobody's in particular. Of `authors` (of the post, and of what it shows if it is a
    boost; of a direct one all who are named too), and of what a boost shows, those are missing that
    the feed has not heard of yet. `conversation` is the one that a direct post is in.
    """

    home: list[Id]
    hidden: list[Id]
    view: PostView
    authors: dict[Id, Account] = Field(default_factory=dict)
    conversation: Id = ""


class MarksQuestion(Model):
    """A post with its author, and people who are about to be told of it."""

    post: Id
    author: Id
    users: list[Id] = Field(max_length=PEOPLE)


class PostMarks(Model):
    """What somebody did with a post, as in their `PostView` of it."""

    favourited: bool = False
    bookmarked: bool = False
    reblogged: bool = False
    pinned: bool = False
