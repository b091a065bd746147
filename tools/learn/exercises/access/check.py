"""Rules without one right, and a system that was started with them."""

from __future__ import annotations

from dataclasses import replace

from services.chassis.security.access_rules import (
    ACCESS_FILE,
    AccessFileError,
    ServiceAccess,
    read_access,
)
from tools.learn.report import Work
from tools.learn.system import LearnerSystem

ROUTE = "GET /threads/{id}"
LOOK = "access.yaml, below `comments:`"


def _with_callers(access: ServiceAccess, callers: frozenset[str]) -> ServiceAccess:
    return replace(access, calls={**access.calls, ROUTE: callers})


async def check(work: Work) -> None:
    """Check access.yaml, and the system that runs with it."""
    try:
        rules = read_access(work.folder / "access.yaml", ())
    except (OSError, AccessFileError) as error:
        work.require("the rules can be read", False, expected="no error", seen=error, look=LOOK)
        return
    given = read_access(ACCESS_FILE, ())
    own = rules["comments"].calls if "comments" in rules else {}
    work.require(
        "the gateway may not read threads",
        "gateway" not in own.get(ROUTE, ()),
        expected=f'"{ROUTE}" without gateway',
        seen=f'"{ROUTE}": {sorted(own.get(ROUTE, ()))}',
        look=LOOK,
    )
    expected = {**given, "comments": _with_callers(given["comments"], own.get(ROUTE, frozenset()))}
    changed = sorted(name for name in given if expected[name] != rules.get(name))
    work.require(
        "nobody else has lost a right",
        not changed,
        expected="the rules as given, but for one line",
        seen=f"changes in {', '.join(changed)}",
        look="diff services/access.yaml learn/access/access.yaml",
    )
    system = LearnerSystem.of(work)
    answer = system.ask_sidecar("gateway", "GET", "/invoke/comments/method/threads/1")
    work.require(
        "your running system refuses the gateway",
        answer.status_code == 403 and "access control" in answer.text,
        expected="403, from the sidecar of comments",
        seen=f"{answer.status_code} {answer.text[:80]}",
        look="was your system started with --access learn/access/access.yaml?",
    )
    answer = system.ask_sidecar("posts", "GET", "/invoke/auth/method/jwks")
    work.require(
        "what was not taken away works",
        answer.status_code == 200,
        expected="200 for the keys of auth",
        seen=answer.status_code,
        look=LOOK,
    )
