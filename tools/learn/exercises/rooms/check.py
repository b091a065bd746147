"""A domain: what it imports, what it asks, and what it decides."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from typing import Any

from services.chassis.errors import Conflict, Forbidden
from tools.learn.report import Work

FRAMEWORKS = {"aiohttp", "dapr", "fastapi", "pydantic", "starlette"}
CLOCKS = {"now", "utcnow", "time", "today", "monotonic"}
TOLD_AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOUR, MOMENT = timedelta(hours=1), timedelta(microseconds=1)


async def check(work: Work) -> None:
    """Check `edit` of domain.py."""
    tree = ast.parse((work.folder / "domain.py").read_text(), "domain.py")
    imported = _imports(tree) & FRAMEWORKS
    work.require(
        "the domain imports no framework",
        not imported,
        expected="the standard library, and errors of the chassis",
        seen=", ".join(sorted(imported)),
        look="domain.py, its imports",
    )
    asked = _calls(tree) & CLOCKS
    work.require(
        "the domain asks no clock",
        not asked,
        expected="the time as a parameter",
        seen=f"a call of {', '.join(sorted(asked))}",
        look="domain.py, `edit`",
    )
    module = work.module("domain")
    story = module.Story("ada", "low tide", TOLD_AT)
    edited = module.edit(story, "ada", "high tide", TOLD_AT + HOUR)
    work.require(
        "the author edits a story within an hour",
        edited.text == "high tide",
        expected='"high tide"',
        seen=f'"{edited.text}"',
        look="domain.py, `edit`: the hour itself is included",
    )
    work.require(
        "the given story is unchanged",
        story.text == "low tide",
        expected='"low tide" in the story that was given',
        seen=f'"{story.text}"',
        look="domain.py: return a new story",
    )
    cases = {
        "a moment too late is refused": ("ada", TOLD_AT + HOUR + MOMENT, Conflict),
        "another user is refused": ("ben", TOLD_AT, Forbidden),
        "who may not edit does not learn that it is too late": (
            *("ben", TOLD_AT + 2 * HOUR),
            Forbidden,
        ),
    }
    for invariant, (user, now, error) in cases.items():
        seen = _error(module, story, user, now)
        work.require(
            invariant,
            seen == error.__name__,
            expected=error.__name__,
            seen=seen,
            look="domain.py, `edit`; the errors are in services.chassis.errors",
        )


def _error(module: Any, story: Any, user: str, now: datetime) -> str:
    try:
        module.edit(story, user, "x", now)
    except Exception as error:
        return type(error).__name__
    return "no error"


def _imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def _calls(tree: ast.AST) -> set[str]:
    return {
        node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
    }
