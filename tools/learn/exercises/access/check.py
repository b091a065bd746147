"""Rules without one right, and a system that was started with them."""

from __future__ import annotations

from services.chassis.security.access_rules import ACCESS_FILE, AccessFileError, read_access
from tools.learn.report import Work
from tools.learn.system import LearnerSystem

ROUTE, OTHER = "GET /threads/{id}", "POST /bundles"
LOOK = "access.yaml, below `comments:`"


async def check(work: Work) -> None:
    """Check access.yaml, and the system that runs with it."""
    try:
        rules = read_access(work.folder / "access.yaml", ())
    except (OSError, AccessFileError) as error:
        work.require("the rules can be read", False, expected="no error", seen=error, look=LOOK)
        return
    given, own = read_access(ACCESS_FILE, ()), rules["comments"].calls
    work.require(
        "the gateway may not read threads",
        "gateway" not in own.get(ROUTE, ()),
        expected=f'"{ROUTE}" without gateway',
        seen=f'"{ROUTE}": {sorted(own.get(ROUTE, ()))}',
        look=LOOK,
    )
    others = {name for name in given if name != "comments" and given[name] != rules.get(name)}
    work.require(
        "nobody else has lost a right",
        not others and own.get(OTHER) == given["comments"].calls[OTHER],
        expected="the rules as given, but for one line",
        seen=f"changes in {', '.join(sorted(others)) or OTHER}",
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
