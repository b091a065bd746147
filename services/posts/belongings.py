"""What posts keeps of somebody, for the archive that they may ask for."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.chassis.data_export import create_export_router, list_reader
from services.chassis.ids import id_time, timestamp
from services.chassis.storage.window import Row
from services.posts.domain.posts import PUBLIC_FIELDS, Post
from services.posts.store import History, Record, Store, opened


def create_router(store: Store) -> APIRouter:
    """What they wrote, what they like, what they keep."""

    async def posts(rows: list[Row]) -> list[dict[str, Any] | None]:
        ids = [row[0] for row in rows]
        records = await store.records(ids, "")
        histories = await store.histories.get_many(ids)
        return [_written(records[id], histories.get(id, History())) for id in ids]

    async def marked(rows: list[Row]) -> list[dict[str, Any] | None]:
        found = await store.posts.get_many([row[1] for row in rows])
        return [_marked(row, found.get(row[1])) for row in rows]

    return create_export_router(
        {
            "posts": list_reader(store.authored, posts),
            "directs": list_reader(store.directs, posts),
            "favourites": list_reader(store.favourites, marked),
            "bookmarks": list_reader(store.bookmarks, marked),
        }
    )


def _marked(row: Row, post: Post | None) -> dict[str, Any] | None:
    if post is None or post.deleted:
        return None
    return {"post": post.id, "account": post.author, "since": timestamp(id_time(row[0]))}


def _written(record: Record, history: History) -> dict[str, Any] | None:
    """A post, comment or boost with its numbers and earlier versions."""
    post = record.post
    if post is None or post.deleted:
        return None
    likes, boosts = opened(record.favouriters), opened(record.rebloggers)
    return {
        "kind": _kind(post),
        **{name: getattr(post, name) for name in PUBLIC_FIELDS},
        "earlier_versions": history.before(post.revision),
        "favourites": likes.total if likes else 0,
        "reblogs": boosts.total if boosts else 0,
        "replies": record.replies,
    }


def _kind(post: Post) -> str:
    if post.reblog_of_id:
        return "boost"
    return "comment" if post.in_reply_to_id else "post"
