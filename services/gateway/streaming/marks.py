"""What those who are told of a post did with it: whether they like, keep, boost or pin it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from services.chassis.errors import ServiceError
from services.contracts.audiences import PEOPLE
from services.gateway.desk import Desk
from services.gateway.entities.rendered import Row

PATIENCE = 2.0
"""Seconds after which people are told of a post without it."""

log = logging.getLogger(__name__)

Marks = dict[str, dict[str, bool]]


async def marks_of(desk: Desk, view: Row, people: Sequence[str]) -> Marks:
    """By person the `PostMarks` of a post, or of what it shows if it is a boost.

    Those who did nothing with it are left out. One call, which costs posts one state call, for
    every `PEOPLE` who are told, however many connections they have. Where it fails nobody is known
    to have done anything: news is not lost for it.
    """
    post = (view["reblog"] or view)["post"]
    parts = [people[start : start + PEOPLE] for start in range(0, len(people), PEOPLE)]
    found: Marks = {}
    for part in await asyncio.gather(*(_asked(desk, post, part) for part in parts)):
        found |= part
    return found


def as_seen_with(view: Row, marks: dict[str, bool]) -> Row:
    """A view as it looks to somebody with such marks. A boost has those of what it shows."""
    if not view["reblog"]:
        return {**view, **marks}
    return {**view, **marks, "pinned": False, "reblog": {**view["reblog"], **marks}}


async def _asked(desk: Desk, post: dict[str, Any], people: Sequence[str]) -> Marks:
    question = {"post": post["id"], "author": post["author"], "users": list(people)}
    try:
        async with asyncio.timeout(PATIENCE):
            marks: Marks = await desk.ask("posts", "marks", method="POST", json=question)
            return marks
    except (ServiceError, TimeoutError) as error:
        why = error.message if isinstance(error, ServiceError) else "posts took too long"
        log.warning("streams tell of a post without marks", extra={"why": why})
        return {}
