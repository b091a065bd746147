"""What people who are connected did with a post that they are about to be told of."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from services.chassis.security.guards import require_service
from services.contracts.audiences import MarksQuestion, PostMarks
from services.posts.domain.interactions import Interaction
from services.posts.repository import Repository


def create_router(repository: Repository) -> APIRouter:
    """The route, for the gateway."""
    router = APIRouter(tags=["streaming"], dependencies=[Depends(require_service("gateway"))])

    @router.post("/marks", response_model=dict[str, PostMarks])
    async def marks(asked: MarksQuestion) -> dict[str, PostMarks]:
        """What some people did with a post; those who did nothing are left out."""
        marks, pinned = await repository.interactions_on(asked.post, asked.author, asked.users)
        found = {user: _public(mark) for user, mark in marks.items()}
        if pinned:
            own = found.get(asked.author, PostMarks())
            found[asked.author] = own.model_copy(update={"pinned": True})
        return {user: each for user, each in found.items() if each != PostMarks()}

    return router


def _public(mark: Interaction) -> PostMarks:
    return PostMarks(
        favourited=mark.favourite.on, bookmarked=mark.bookmark.on, reblogged=mark.reblog.on
    )
