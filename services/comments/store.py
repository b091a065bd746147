"""What comments keeps, all of it derived from posts.

comment:POST       a reply's place in its thread; others hear of it on `comments`
gone:POST          that a post which is no reply was deleted
thread:ROOT        [comment, parent, author], all comments below a post at whatever depth
replies:POST       [comment, author], the direct replies that are counted; others hear the total
whispers:POST      [comment, author], the direct replies that are not counted

The last three are segmented lists, made from `comment` (`events.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.chassis.app import Service
from services.chassis.segments import Head, SegmentedLists, total_of
from services.chassis.sidecar import ABSENT
from services.comments import domain
from services.comments.domain import Comment, Row
from services.contracts import topics


@dataclass(frozen=True, slots=True)
class Gone:
    """A post that was deleted."""

    post: str


class Store:
    """The documents and lists of comments."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.comments = service.collection(
            "comment",
            Comment,
            outbox=service.outbox(topics.COMMENT_CHANGED.topic).tells(
                "comment", topics.COMMENT_CHANGED.name, lambda _, data: domain.public(data)
            ),
        )
        self.gone = service.collection("gone", Gone)
        self.threads = SegmentedLists(self.state, "thread")
        self.replies = SegmentedLists(
            self.state,
            "replies",
            outbox=service.outbox(topics.REPLIES_COUNTED.topic).tells(
                "replies", topics.REPLIES_COUNTED.name, _replies_counted
            ),
        )
        self.whispers = SegmentedLists(self.state, "whispers")

    def siblings(self, comment: Comment) -> SegmentedLists:
        """The kind of list of direct replies that holds a comment."""
        return self.replies if comment.is_counted else self.whispers

    async def place(self, id: str) -> tuple[Comment | None, Head]:
        """A post's comment, if it is one, and the head of its thread. At most two state calls."""
        mine, thread = self.comments.key(id), self.threads.heads.key(id)
        rows = await self.state.get_many([mine, thread])
        comment = self.comments.open(rows.get(mine, ABSENT))
        if comment is not None:
            return comment.value, await self.threads.head(comment.value.root)
        head = self.threads.heads.open(rows.get(thread, ABSENT))
        return None, head.value if head else Head()

    async def is_over(self, comment: Comment) -> bool:
        """Whether a comment, or the post that it answers, is gone. One state call."""
        comments = [self.comments.key(id) for id in (comment.id, comment.parent)]
        gone = self.gone.key(comment.parent)
        rows = await self.state.get_many([*comments, gone])
        docs = [self.comments.open(rows.get(key, ABSENT)) for key in comments]
        return gone in rows or any(doc is not None and doc.value.deleted for doc in docs)

    async def replies_to(self, ids: Sequence[str]) -> list[str]:
        """All direct replies to some posts, those too that are not counted.

        Two state calls, and some more where there are many. Raises `Unavailable` if those change
        all the while.
        """
        return [
            row[0] for lists in (self.replies, self.whispers) for row in await _whole(lists, ids)
        ]


async def _whole(lists: SegmentedLists, ids: Sequence[str]) -> list[Row]:
    heads = await lists.heads.get_many(ids)
    rows = [row for head in heads.values() for row in head.recent]
    for id, head in heads.items():
        if head.spans:
            rows += await lists.all(id)
    return rows


def _replies_counted(id: str, head: Any) -> dict[str, Any]:
    return {"post": id, "total": total_of(head)}
