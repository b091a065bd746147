"""What comments keeps, all of it derived from posts.

comment:POST       a reply's place in its thread; others hear of it on `comments`
gone:POST          that a post which is no reply was deleted
thread:ROOT        [comment, answered, author], all comments below a post at whatever depth
removed:ROOT       [comment], those of them that were deleted by themselves: others hang on them
replies:POST       [comment, author], the direct replies that are counted; others hear the total
whispers:POST      [comment, author], the direct replies that are not counted

The last four are segmented lists, made from `comment` (`events.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.chassis.dapr.state import ABSENT, StateEntry
from services.chassis.service import Service
from services.chassis.storage.list_codec import decode_total
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.segmented_list import SegmentedLists
from services.comments import domain
from services.comments.domain import CommentRecord, ThreadRow
from services.contracts import events
from services.contracts.limits import PATH


@dataclass(frozen=True, slots=True)
class DeletedPost:
    """A post that was deleted."""

    post: str


@dataclass(frozen=True, slots=True)
class ThreadHeads:
    """The heads of what is kept of a thread: all its comments, and those that were removed."""

    thread: ListHead
    removed: ListHead


@dataclass(frozen=True, slots=True)
class CommentContext:
    """A comment as it is, and whether the post above it ended with all below it, or by itself."""

    current: CommentRecord | None
    parent_ended: bool
    parent_removed: bool


class Repository:
    """The documents and lists of comments."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.comments = service.collection(
            "comment",
            CommentRecord,
            outbox=service.outbox(events.COMMENT_CHANGED.topic).publishes(
                "comment", events.COMMENT_CHANGED.name, lambda _, data: domain.to_public(data)
            ),
        )
        self.deleted_posts = service.collection("gone", DeletedPost)
        self.threads = SegmentedLists(self.state, "thread")
        self.removed = SegmentedLists(self.state, "removed")
        self.replies = SegmentedLists(
            self.state,
            "replies",
            outbox=service.outbox(events.REPLIES_COUNTED.topic).publishes(
                "replies", events.REPLIES_COUNTED.name, _reply_count_event
            ),
        )
        self.uncounted_replies = SegmentedLists(self.state, "whispers")

    def sibling_lists(self, comment: CommentRecord) -> SegmentedLists:
        """The kind of list of direct replies that holds a comment."""
        return self.replies if comment.is_counted else self.uncounted_replies

    async def find_thread(self, id: str) -> tuple[CommentRecord | None, ThreadHeads]:
        """A post's comment, if it is one, and the heads of its thread. At most two state calls."""
        mine = self.comments.key(id)
        rows = await self.state.get_many([mine, *self._heads(id)])
        comment = self.comments.decode(rows.get(mine, ABSENT))
        if comment is None:
            return None, self._opened(id, rows)
        root = comment.value.root
        return comment.value, self._opened(root, await self.state.get_many(self._heads(root)))

    def _heads(self, root: str) -> list[str]:
        return [self.threads.heads.key(root), self.removed.heads.key(root)]

    def _opened(self, root: str, rows: Mapping[str, StateEntry]) -> ThreadHeads:
        thread = self.threads.heads.decode(rows.get(self.threads.heads.key(root), ABSENT))
        removed = self.removed.heads.decode(rows.get(self.removed.heads.key(root), ABSENT))
        return ThreadHeads(
            thread.value if thread else ListHead(), removed.value if removed else ListHead()
        )

    async def current_context(self, comment: CommentRecord) -> CommentContext:
        """A comment as it is now, and what became of the post above it. One state call."""
        comments = [self.comments.key(id) for id in (comment.id, comment.parent)]
        gone = self.deleted_posts.key(comment.parent)
        rows = await self.state.get_many([*comments, gone])
        now, above = (self.comments.decode(rows.get(key, ABSENT)) for key in comments)
        parent = above.value if above else None
        ended = gone in rows or (parent is not None and parent.deleted and parent.with_replies)
        removed = parent is not None and parent.deleted and not ended
        return CommentContext(now.value if now else None, ended, removed)

    async def nearest_remaining(self, comment: CommentRecord) -> str:
        """The nearest post above a comment that was not deleted by itself.

        One state call for each `PATH` levels that were.
        """
        path = comment.path
        while path:
            docs = await self.comments.get_many([id for id, _ in path[1:]])
            for id, _ in reversed(path[1:]):
                above = docs.get(id)
                if above is None or not above.deleted or above.with_replies:
                    return id
            if len(path) < PATH:
                break
            path = docs[path[1][0]].path
        return comment.root

    async def replies_to(self, ids: Sequence[str]) -> list[str]:
        """All direct replies to some posts, those too that are not counted.

        Two state calls, and some more where there are many. Raises `Unavailable` if those change
        all the while.
        """
        return [
            row[0]
            for lists in (self.replies, self.uncounted_replies)
            for row in await _all_rows(lists, ids)
        ]


async def _all_rows(lists: SegmentedLists, ids: Sequence[str]) -> list[ThreadRow]:
    heads = await lists.heads.get_many(ids)
    rows = [row for head in heads.values() for row in head.recent]
    for id, head in heads.items():
        if head.spans:
            rows += await lists.all(id)
    return rows


def _reply_count_event(id: str, head: Any) -> dict[str, Any]:
    return {"post": id, "total": decode_total(head)}
