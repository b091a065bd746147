"""The answers about a dead letter, held to what the running system says of it."""

from __future__ import annotations

import asyncio
from typing import Any

from tools.learn.questions import require_answers
from tools.learn.report import Work
from tools.learn.system import LearnerSystem
from tools.runner.commands.dead_letters import letters_in
from tools.runner.commands.operator_client import OperatorClient
from tools.runner.config.paths import RunDir

MARK = "learn-letter"
"""What the page writes into its event."""


async def check(work: Work) -> None:
    """Check answers.yaml."""
    system = LearnerSystem.of(work)
    keepers = await _letters(system)
    work.require(
        "the bad event is a dead letter",
        keepers,
        expected=f'a dead letter with "{MARK}" in it',
        seen="none in your system",
        look='docs/learn/dead-letters.md, "On your own system": publish the event',
    )
    service, letters = next(iter(keepers.items()))
    comment = await asyncio.to_thread(system.delivers_a_comment)
    await _operator(system, service).call("deadletters/replay", "POST")
    kept = await _letters(system)
    facts = {
        "the service that keeps it": service,
        "why it is there": "b" if "invalid" in letters[0]["why"] else "a",
        "what a replay does with it": "b" if service in kept else "a",
        "what becomes of other events": "b" if comment else "a",
    }
    look = "./tye-like-run.sh deadletters --run-dir .run/learn, before a replay and after it"
    require_answers(work, facts, lambda *_: look)


def _operator(system: LearnerSystem, service: str) -> OperatorClient:
    run = RunDir(system.folder)
    state = run.read_state()
    assert state is not None  # noqa: S101 (the system runs)
    return OperatorClient.of(run, state, system.rows()[service])


async def _letters(system: LearnerSystem) -> dict[str, list[dict[str, Any]]]:
    """The letters with the mark, by service; no service without one."""
    found = {}
    for service in ("comments", "posts", "users"):
        _, content = await _operator(system, service).call("deadletters", "GET")
        if marked := [each for each in letters_in(content) if MARK in str(each)]:
            found[service] = marked
    return found
