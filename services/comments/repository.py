"""The documents and lists of comments, all derived from posts.

comment:POST       the place of a reply in its thread; once it is deleted or moved, the event is
                   `comment.changed`
gone:POST          a deleted post that is not a reply
thread:ROOT        [comment, answered post, author], all comments below a post at any depth
removed:ROOT       [comment], the comments of a thread that were deleted alone
replies:POST       [comment, author], the counted direct replies; event `replies.counted`
whispers:POST      [comment, author], the direct replies that are not counted

The lists are segmented lists, derived from `comment` (`application/thread_projection.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.chassis.dapr.state import ABSENT, StateEntry
from services.chassis.service import Service
from services.chassis.storage.documents import Document
from services.chassis.storage.list_codec import decode_total
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.segmented_list import SegmentedLists
from services.comments.domain.comments import CommentRecord, to_public
from services.comments.domain.threads import ThreadRow
from services.contracts import events
from services.contracts.limits import MAX_PATH


@dataclass(frozen=True, slots=True)
class DeletedPost:
    """A deleted post."""

    post: str


@dataclass(frozen=True, slots=True)
class ThreadHeads:
    """The heads of the two lists of a thread: all its comments, and the removed ones."""

    thread: ListHead
    removed: ListHead


@dataclass(frozen=True, slots=True)
class CommentPlace:
    """A comment, and the heads of the lists to which it belongs; None for what does not exist."""

    comment: Document[CommentRecord] | None
    thread: Document[ListHead] | None
    siblings: Document[ListHead] | None


@dataclass(frozen=True, slots=True)
class CommentContext:
    """The current comment, and whether its parent ended with its replies or was removed alone."""

    current: CommentRecord | None
    parent_ended: bool
    parent_removed: bool


class Repository:
    """Stores comments and the lists derived from them."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.comments = service.collection(
            "comment",
            CommentRecord,
            publishes=events.COMMENT_CHANGED,
            to_event=lambda _, data: to_public(data),
            publishes_if=lambda comment: comment.is_changed,
        )
        self.deleted_posts = service.collection("gone", DeletedPost)
        self.threads = service.lists("thread")
        self.removed = service.lists("removed")
        self.replies = service.lists(
            "replies", publishes=events.REPLIES_COUNTED, to_event=_reply_count_event
        )
        self.uncounted_replies = service.lists("whispers")

    def sibling_lists(self, comment: CommentRecord) -> SegmentedLists:
        """Return the lists of direct replies to which a comment belongs."""
        return self.replies if comment.is_counted else self.uncounted_replies

    async def place_of(self, comment: CommentRecord) -> CommentPlace:
        """Return what is stored of a comment and of its place. One state call."""
        siblings = self.sibling_lists(comment).heads
        own, thread, other = (
            self.comments.key(comment.id),
            self.threads.heads.key(comment.root),
            siblings.key(comment.parent),
        )
        rows = await self.state.get_many([own, thread, other])
        return CommentPlace(
            self.comments.decode(rows.get(own, ABSENT)),
            self.threads.heads.decode(rows.get(thread, ABSENT)),
            siblings.decode(rows.get(other, ABSENT)),
        )

    async def find_thread(self, id: str) -> tuple[CommentRecord | None, ThreadHeads]:
        """Return the comment of a post, if it is one, and the heads of its thread.

        At most two state calls.
        """
        own = self.comments.key(id)
        rows = await self.state.get_many([own, *self._head_keys(id)])
        comment = self.comments.decode(rows.get(own, ABSENT))
        if comment is None:
            return None, self._decode_heads(id, rows)
        root = comment.value.root
        rows = await self.state.get_many(self._head_keys(root))
        return comment.value, self._decode_heads(root, rows)

    def _head_keys(self, root: str) -> list[str]:
        return [self.threads.heads.key(root), self.removed.heads.key(root)]

    def _decode_heads(self, root: str, rows: Mapping[str, StateEntry]) -> ThreadHeads:
        thread = self.threads.heads.decode(rows.get(self.threads.heads.key(root), ABSENT))
        removed = self.removed.heads.decode(rows.get(self.removed.heads.key(root), ABSENT))
        return ThreadHeads(
            thread.value if thread else ListHead(), removed.value if removed else ListHead()
        )

    async def current_context(self, comment: CommentRecord) -> CommentContext:
        """Return the current comment and the state of its parent. One state call."""
        comments = [self.comments.key(id) for id in (comment.id, comment.parent)]
        deleted = self.deleted_posts.key(comment.parent)
        rows = await self.state.get_many([*comments, deleted])
        current, above = (self.comments.decode(rows.get(key, ABSENT)) for key in comments)
        parent = above.value if above else None
        ended = deleted in rows or (parent is not None and parent.deleted and parent.with_replies)
        removed = parent is not None and parent.deleted and not ended
        return CommentContext(current.value if current else None, ended, removed)

    async def nearest_remaining(self, comment: CommentRecord) -> str:
        """Return the nearest post above a comment that was not deleted alone.

        One state call for each `PATH` levels of deleted comments.
        """
        path = comment.path
        while path:
            docs = await self.comments.get_many([id for id, _ in path[1:]])
            for id, _ in reversed(path[1:]):
                above = docs.get(id)
                if above is None or not above.deleted or above.with_replies:
                    return id
            if len(path) < MAX_PATH:
                break
            path = docs[path[1][0]].path
        return comment.root

    async def replies_to(self, ids: Sequence[str]) -> list[str]:
        """Return all direct replies to some posts, counted or not.

        Two state calls, and some more for long lists. Raises `Unavailable` if those keep changing.
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
        if head.segments:
            rows += await lists.all(id)
    return rows


def _reply_count_event(id: str, head: Any) -> dict[str, Any]:
    return {"post": id, "total": decode_total(head)}
