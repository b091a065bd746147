"""What posts stores about a user, for their data export."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.chassis.data_export import create_export_router, list_reader
from services.chassis.ids import id_time, timestamp
from services.chassis.storage.window import Row
from services.posts.domain.history import PostHistory
from services.posts.domain.posts import PUBLIC_FIELDS, PostRecord
from services.posts.repository import PostDetails, Repository, decode_list_head


def create_router(repository: Repository) -> APIRouter:
    """Return the route for the posts, favourites and bookmarks of a user."""

    async def posts(rows: list[Row]) -> list[dict[str, Any] | None]:
        ids = [row[0] for row in rows]
        details = await repository.post_details(ids, "")
        histories = await repository.histories.get_many(ids)
        return [_post_record(details[id], histories.get(id, PostHistory())) for id in ids]

    async def reactions(rows: list[Row]) -> list[dict[str, Any] | None]:
        found = await repository.posts.get_many([row[1] for row in rows])
        return [_reaction_record(row, found.get(row[1])) for row in rows]

    return create_export_router(
        {
            "posts": list_reader(repository.authored, posts),
            "directs": list_reader(repository.directs, posts),
            "favourites": list_reader(repository.favourites, reactions),
            "bookmarks": list_reader(repository.bookmarks, reactions),
        }
    )


def _reaction_record(row: Row, post: PostRecord | None) -> dict[str, Any] | None:
    if post is None or post.deleted:
        return None
    return {"post": post.id, "account": post.author, "since": timestamp(id_time(row[0]))}


def _post_record(details: PostDetails, history: PostHistory) -> dict[str, Any] | None:
    """Return a post, comment or boost with its counts and earlier versions."""
    post = details.post
    if post is None or post.deleted:
        return None
    favourites = decode_list_head(details.favouriters)
    boosts = decode_list_head(details.rebloggers)
    return {
        "kind": _kind(post),
        **{name: getattr(post, name) for name in PUBLIC_FIELDS},
        "earlier_versions": history.before(post.revision),
        "favourites": favourites.total if favourites else 0,
        "reblogs": boosts.total if boosts else 0,
        "replies": details.replies,
    }


def _kind(post: PostRecord) -> str:
    if post.reblog_of_id:
        return "boost"
    return "comment" if post.in_reply_to_id else "post"
