"""The parameters and guards that several routes of auth share."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from services.chassis.http.openapi import Responses, error_responses
from services.chassis.security.guards import require_service
from services.contracts.accounts import ID_PATTERN

NO_CONTENT: Responses = {200: {"content": {"application/json": {"example": {}}}}}
"""The response of routes that return an empty object."""

MAX_IDS = 160
"""Ids in one request."""

UserId = Annotated[str, Path(pattern=ID_PATTERN, examples=["115581273340018689"])]
Ids = Annotated[str, Query(max_length=4_000, pattern=r"^[0-9,]*$", examples=["1,2"])]


def router_for(app: str, tag: str) -> APIRouter:
    """Return an empty router for one calling service."""
    refused: Responses = {403: error_responses(403)[403]}
    refused[403]["description"] = f"The caller is not {app}, or the token does not allow this."
    return APIRouter(tags=[tag], dependencies=[Depends(require_service(app))], responses=refused)


def split_ids(ids: str) -> list[str]:
    """Return the ids of a comma-separated list, at most `MAX_IDS`."""
    return [id for id in ids.split(",") if 0 < len(id) <= 20][:MAX_IDS]
