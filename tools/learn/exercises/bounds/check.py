"""Requests at the bounds, and beyond them."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes import FakeCluster
from tools.learn.lab import STORIES, assembled
from tools.learn.report import Work

INSIDE: dict[str, tuple[str, str, Any]] = {
    "a text of 500 characters is taken": ("PUT", "/stories/1", {"text": "x" * 500}),
    "ten tags of 50 characters are taken": (
        *("PUT", "/stories/1"),
        {"text": "x", "tags": ["y" * 50] * 10},
    ),
    "a page of 40 stories is given": ("GET", "/stories?limit=40", None),
    "a page of one story is given": ("GET", "/stories?limit=1", None),
    "an id of 20 digits is taken": ("PUT", f"/stories/{'1' * 20}", {"text": "x"}),
}
BEYOND: dict[str, tuple[str, str, Any]] = {
    "a text of a megabyte is refused": ("PUT", "/stories/1", {"text": "x" * 1_000_000}),
    "a text of 501 characters is refused": ("PUT", "/stories/1", {"text": "x" * 501}),
    "an empty text is refused": ("PUT", "/stories/1", {"text": ""}),
    "ten thousand tags are refused": ("PUT", "/stories/1", {"text": "x", "tags": ["y"] * 10_000}),
    "eleven tags are refused": ("PUT", "/stories/1", {"text": "x", "tags": ["y"] * 11}),
    "a tag of 51 characters is refused": ("PUT", "/stories/1", {"text": "x", "tags": ["y" * 51]}),
    "an empty tag is refused": ("PUT", "/stories/1", {"text": "x", "tags": [""]}),
    "a field that nobody knows is refused": ("PUT", "/stories/1", {"text": "x", "tag": "y"}),
    "a page of a billion stories is refused": ("GET", "/stories?limit=1000000000", None),
    "a page of 41 stories is refused": ("GET", "/stories?limit=41", None),
    "a page of no story is refused": ("GET", "/stories?limit=0", None),
    "a page of -1 stories is refused": ("GET", "/stories?limit=-1", None),
    "an id of 21 characters is refused": ("PUT", f"/stories/{'1' * 21}", {"text": "x"}),
}


MAX_SHOWN = 60
"""Characters of a request in a message."""


async def check(work: Work) -> None:
    """Check the routes of stories.py."""
    async with FakeCluster() as cluster:
        stories = await cluster.start(assembled(work.module("stories").create), STORIES)
        for cases, status in ((INSIDE, 200), (BEYOND, 422)):
            for invariant, (method, target, body) in cases.items():
                answer = await stories.call(method, target, json=body)
                work.require(
                    invariant,
                    answer.status == status,
                    expected=f"status {status}",
                    seen=f"status {answer.status}",
                    look=f"stories.py, LIMITS; this was sent: {method} {_short(target, body)}",
                )


def _short(target: str, body: Any) -> str:
    """Return what was sent, without the middle of what is long."""
    text = f"{target} {json.dumps(body)}" if body else target
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN // 2]} … {text[-8:]}"
