"""Which documents of a read model may have changed, for caches of what is made of them.

A document is named by its kind and id. The producers of read models use the same names, so a cached
page that depends on a post is dropped by each of them.
"""

from __future__ import annotations

from pydantic import Field

from services.contracts.accounts import Model, examples

MAX_DOCUMENTS = 1_000
"""How many documents one message names."""

HEARTBEAT_INTERVAL = 4.0
"""Seconds from a message of a producer to the next one, if no document is written meanwhile."""

HEARTBEATS_FOR = 60.0
"""Seconds after the last read or write of a producer for which it sends them. Nobody serves what
was cached for longer, so an idle system sends none."""


class Invalidation(Model):
    """Documents that may have changed. Events `feed.invalidated` and `notifications.invalidated`.

    The producer numbers its messages (`stream`, `sequence`) and repeats none: whoever misses a
    number, or meets a new stream, has to assume that every document has changed. With `everything`
    the producer itself says so. While its documents are read or written, and for a minute after it,
    a message comes every four seconds at least, also without documents: after a longer silence one
    may be lost.
    """

    model_config = examples({"documents": ["post:116548273934401537", "home:115581273340018689"]})

    documents: list[str] = Field(default_factory=list, max_length=MAX_DOCUMENTS)
    everything: bool = False


def post_document(id: str) -> str:
    """A post with its counts."""
    return f"post:{id}"


def account_document(id: str) -> str:
    """An account with its profile and counts."""
    return f"account:{id}"


def reader_document(id: str) -> str:
    """What a user follows, hides, pins and did with posts, and who blocks them."""
    return f"reader:{id}"


def home_document(id: str) -> str:
    """The stored list of posts in the home of a user. A home depends on those of authors, too."""
    return f"home:{id}"


def author_document(id: str) -> str:
    """The list of posts of an account."""
    return f"author:{id}"


def tag_document(name: str) -> str:
    """The list of public posts with a hashtag."""
    return f"tag:{name}"


def notifications_document(owner: str) -> str:
    """The notifications of a user, and what hides them."""
    return f"notifications:{owner}"


RECENT_POSTS = "recent"
"""The newest posts of everybody, which are merged into homes on reading."""

LARGE_AUTHORS = "large"
"""The list of authors whose posts are merged into homes on reading."""
