"""Requests to delete a story: without a token, with a wrong one, and with that of the author."""

from __future__ import annotations

import asyncio
import time

from tests.fakes import FakeCluster, RunningReplica
from tools.learn.lab import STORIES, assembled
from tools.learn.report import Work

ADA, BEN = "1", "2"
LOOK = "stories.py, `delete`: "
REVOCATION_DEADLINE = 5.0


async def check(work: Work) -> None:
    """Check the routes of stories.py."""
    async with FakeCluster() as cluster:
        stories = await cluster.start(assembled(work.module("stories").create), STORIES)
        for id in ("7", "8"):
            await stories.call("PUT", f"/stories/{id}", params={"author": ADA})
        cases = {
            "without a token nobody deletes": ("", {}, 401, "what proves who is asking?"),
            "a name in the address is no proof": ("", {"user": ADA}, 401, "anybody can send it"),
            "a token of another user is refused": (cluster.token(BEN), {}, 403, "whose story?"),
            "a name in the address does not overrule a token": (
                *(cluster.token(BEN), {"user": ADA}),
                *(403, "use the token alone"),
            ),
            "a token that only reads is refused": (
                *(cluster.token(ADA, "read"), {}),
                *(403, "which scope does the token need?"),
            ),
            "a token that nobody signed is refused": ("a.b.c", {}, 401, "who verifies it?"),
        }
        for invariant, (token, params, status, look) in cases.items():
            answer = await stories.call("DELETE", "/stories/7", token=token, params=params)
            is_there = not cluster.state(STORIES).peek("story:7")["data"]["deleted"]
            work.require(
                invariant,
                answer.status == status and is_there,
                expected=f"status {status}, and the story is there",
                seen=f"status {answer.status}, and the story is {'there' if is_there else 'gone'}",
                look=LOOK + look,
            )
        answer = await stories.call("DELETE", "/stories/7", token=cluster.token(ADA))
        work.require(
            "the author deletes her story",
            answer.status == 200 and cluster.state(STORIES).peek("story:7")["data"]["deleted"],
            expected="status 200, and the story is gone",
            seen=f"status {answer.status}: {answer.text[:80]}",
            look=LOOK + "the author must still be able to",
        )
        await _require_revocation(work, cluster, stories)


async def _require_revocation(work: Work, cluster: FakeCluster, stories: RunningReplica) -> None:
    token = cluster.token(ADA)
    cluster.auth.revoke(token)
    end_at, status = time.monotonic() + REVOCATION_DEADLINE, 0
    while status != 401 and time.monotonic() < end_at:
        status = (await stories.call("DELETE", "/stories/none", token=token)).status
        await asyncio.sleep(0.01)
    work.require(
        "a token that was revoked is refused soon",
        status == 401,
        expected="status 401",
        seen=f"status {status}",
        look=LOOK + "let the guard of the chassis verify the token",
    )
