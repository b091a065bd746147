"""A system is stopped at work, its state moves to the other component set, and work goes on there.

Events were with the broker, and orders were open: neither broker nor engine of workflows is moved.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backup.workloads import Market
from tests.chaos.invariants import await_invariants
from tests.chaos.retrying_client import request_until_answered
from tests.chaos.workload import POSTS, ScenarioWorkload
from tests.conftest import REPORTS
from tests.e2e import pictures
from tests.system import start_system, wait_until
from tests.system.shopping import buy
from tests.system.system import run_command

PAIRS = [("embedded", "rabbitmq-redis"), ("rabbitmq-redis", "embedded")]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("old", "new"), PAIRS, ids=["-to-".join(pair) for pair in PAIRS])
def test_nothing_is_lost_when_state_moves_to_another_set(
    old: str, new: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    run_dir, homes = tmp_path / "run", tmp_path / "homes"
    with start_system(old, run_dir, homes=homes) as system:
        workload = ScenarioWorkload.create(system, "moved")
        market = Market.open(system)
        painter = system.register("painter")
        picture = tmp_path / "picture.jpg"
        picture.write_bytes(pictures.jpeg())
        shown = painter.client.status_post("a picture", media_ids=[painter.upload(picture).id])
        with workload.posting():
            wait_until(lambda: all(len(ids) > 10 for ids in workload.acknowledged.values()))
        with market.buying():
            wait_until(lambda: len(market.placed) > 5)
        port = system.base.rpartition(":")[2]

    printed = run_command(run_dir, "migrate", "--from", old, "--to", new)
    with start_system(new, run_dir, homes=homes, port=port) as system:
        workload.follow_late()
        await_invariants(workload)
        market.system = system
        assert set(market.placed) <= market.await_agreement()
        url = painter.client.status(shown.id).media_attachments[0].url
        assert system.get(url.removeprefix(system.base)).content[:3] == b"\xff\xd8\xff"
        author = workload.authors[0]
        made = request_until_answered(author, "POST", POSTS, {"status": "and on"}, key="and on")
        assert made.ok, made.text
        workload.acknowledged[author.name].append(made.json()["id"])
        await_invariants(workload)
        buy(market.buyers[0], market.product, 1)
        market.await_agreement()
    record_property(REPORTS, f"{old} to {new}: {printed}")
