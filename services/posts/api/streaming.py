"""The route that the gateway calls before it streams a post to connected users."""

from __future__ import annotations

from fastapi import APIRouter

from services.contracts.audiences import MarksRequest, PostMarks
from services.posts.domain.interactions import Interaction
from services.posts.repository import Repository


def create_router(repository: Repository) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["streaming"])

    @router.post("/marks", response_model=dict[str, PostMarks])
    async def marks(asked: MarksRequest) -> dict[str, PostMarks]:
        """Return what some users did with a post, without users who did nothing."""
        interactions, pinned = await repository.interactions_on(
            asked.post, asked.author, asked.users
        )
        found = {user: _marks_of(each) for user, each in interactions.items()}
        if pinned:
            own = found.get(asked.author, PostMarks())
            found[asked.author] = own.model_copy(update={"pinned": True})
        return {user: each for user, each in found.items() if each != PostMarks()}

    return router


def _marks_of(interaction: Interaction) -> PostMarks:
    return PostMarks(
        favourited=interaction.favourite.on,
        bookmarked=interaction.bookmark.on,
        reblogged=interaction.reblog.on,
    )
