"""What a service gives of somebody for their archive, read to its end."""

from __future__ import annotations

from typing import Any

from tests.fakes import RunningReplica


async def belongings(running: RunningReplica, user: str, kind: str) -> list[dict[str, Any]]:
    """All records of a kind, as the archivist reads them: portion by portion."""
    records: list[dict[str, Any]] = []
    after = ""
    while True:
        answer = await running.call(
            "GET",
            f"/belongings/{user}/{kind}",
            params={"after": after} if after else {},
            caller="media",
        )
        assert answer.status == 200, answer.text
        portion = answer.json()
        assert len(portion["records"]) <= portion["total"]
        records += portion["records"]
        after = portion["next"]
        if not after:
            return records


async def is_for_the_archivist_alone(
    running: RunningReplica, user: str, kind: str, token: str
) -> bool:
    """Whether nobody else gets any of it, be it its owner."""
    path = f"/belongings/{user}/{kind}"
    callers = ("gateway", "feed", "catalog", "")
    answers = [await running.call("GET", path, caller=one, token=token) for one in callers]
    return all(answer.status == 403 for answer in answers)
