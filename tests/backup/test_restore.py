"""A system that is copied while people use it, wiped, and restored from the copy.

What was acknowledged before the copy began is there, once, in all lists and counts. Of what
happened meanwhile, whatever is there is there everywhere: no service knows more than another.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backup.workloads import Market, await_consistency
from tests.chaos.invariants import await_invariants
from tests.chaos.retrying_client import request_until_answered
from tests.chaos.workload import POSTS, ScenarioWorkload
from tests.conftest import REPORTS
from tests.e2e import pictures
from tests.system import SETS, start_system, wait_until
from tests.system.shopping import buy
from tests.system.system import run_command


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("components", SETS)
def test_what_was_acknowledged_before_a_backup_is_there_after_a_restore(
    components: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    run_dir, file = tmp_path / "run", tmp_path / "saved.tar"
    with start_system(components, run_dir, homes=tmp_path / "homes") as system:
        before = ScenarioWorkload.create(system, "before")
        meanwhile = ScenarioWorkload.create(system, "meanwhile")
        market = Market.open(system)
        painter = system.register("painter")
        picture = tmp_path / "picture.jpg"
        picture.write_bytes(pictures.jpeg())
        shown = painter.client.status_post("a picture", media_ids=[painter.upload(picture).id])
        with market.buying(), meanwhile.posting():
            with before.posting():
                wait_until(lambda: all(len(ids) > 10 for ids in before.acknowledged.values()))
                before.follow_late()
            # At once: the newest events of `before` are still on their way.
            known = {name: list(ids) for name, ids in meanwhile.acknowledged.items()}
            ordered = set(market.placed)
            began = time.monotonic()
            printed = system.command("backup", str(file))
            took = time.monotonic() - began
            wait_until(lambda: _count(meanwhile.acknowledged) > _count(known) + 4)
        lost = str(painter.client.status_post("too late").id)
        port = system.base.rpartition(":")[2]
    shutil.rmtree(run_dir)

    run_command(run_dir, "restore", str(file))
    with start_system(components, run_dir, homes=tmp_path / "homes", port=port) as system:
        await_invariants(before)
        found = await_consistency(meanwhile)
        assert all(set(ids) <= set(found[name]) for name, ids in known.items())
        market.system = system
        assert ordered <= market.await_agreement()
        url = painter.client.status(shown.id).media_attachments[0].url
        assert system.get(url.removeprefix(system.base)).content[:3] == b"\xff\xd8\xff"
        _goes_on(before, lost, market)
    record_property(REPORTS, f"{components}: {printed}the command took {took:.1f} s\n")


def _count(posts: dict[str, list[str]]) -> int:
    return sum(map(len, posts.values()))


def _goes_on(workload: ScenarioWorkload, lost: str, market: Market) -> None:
    """Check that old tokens work, and that new posts and orders are as before."""
    author = workload.authors[0]
    made = request_until_answered(author, "POST", POSTS, {"status": "and on"}, key="and on")
    assert made.ok, made.text
    assert int(made.json()["id"]) > int(lost)
    workload.acknowledged[author.name].append(made.json()["id"])
    await_invariants(workload)
    buy(market.buyers[0], market.product, 1)
    market.await_agreement()
