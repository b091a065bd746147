"""A running system gets another release, service after service, and nobody notices.

Two replicas of posts and feed run, so that both releases answer requests, handle events and change
documents of each other, in every order.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backup.previous_release import export
from tests.backup.release_folder import ReleaseFolder, make_later, write_present
from tests.backup.workloads import Market
from tests.chaos.invariants import await_invariants
from tests.chaos.retrying_client import request_until_answered
from tests.chaos.scenarios import await_progress
from tests.chaos.strict_traffic import StrictTraffic
from tests.chaos.workload import POSTS, ScenarioWorkload
from tests.conftest import REPORTS
from tests.system import SETS, System, wait_until
from tools.release.rolling import changed_files, release_commit, stops_needed
from tools.release.versions import current
from tools.runner.config.paths import REPO

REPLICAS = "posts=2,feed=2"
Report = Callable[[str, object], None]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("components", SETS)
def test_the_last_release_is_rolled_to_this_one(
    components: str, tmp_path: Path, record_property: Report
) -> None:
    commit = release_commit()
    if not commit:
        pytest.skip("nothing was released yet, or this clone has no history")
    if not changed_files(REPO, commit):
        pytest.skip("this tree is the last release, without a change")
    if reasons := stops_needed():
        pytest.skip(f"the upgrade needs a stop: {'; '.join(reasons)}")
    export(commit, tmp_path / "tree")
    write_present(tmp_path / "next")
    _roll(tmp_path, components, record_property)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("components", SETS)
def test_this_release_is_rolled_to_a_later_one_with_another_event_and_document(
    components: str, tmp_path: Path, record_property: Report
) -> None:
    for name in ("tree", "next"):
        write_present(tmp_path / name)
    make_later(tmp_path / "next")
    system = _roll(tmp_path, components, record_property)
    if components == "embedded":
        assert _posts_with_the_later_field(system) > 5


def _roll(tmp_path: Path, components: str, record_property: Report) -> System:
    """Roll a system from `tree` to `next` under load; return it, stopped."""
    deployment = ReleaseFolder(tmp_path / "tree")
    with deployment.running(tmp_path / "run", components, REPLICAS) as system:
        workload = ScenarioWorkload.create(system, "upgraded")
        market = Market.open(system)
        author = workload.authors[0]
        post = request_until_answered(author, "POST", POSTS, {"status": "seen"}, key="seen").json()
        workload.acknowledged[author.name] = [post["id"]]
        traffic = StrictTraffic(workload.followers, post["id"])
        before = _pids(system)
        began = time.monotonic()
        with workload.posting(), market.buying(), traffic.running():
            await_progress(workload)
            workload.follow_late()  # the authors would wait for that
            deployment.install(tmp_path / "next")
            for service in _services(system):
                deployment.command(system.run_dir, "restart", "--rolling", service)
            await_progress(workload)
        took = time.monotonic() - began
        assert not before & _pids(system), "a process of the release before still runs"
        assert _version(system) == _version_of(tmp_path / "next")
        assert traffic.failures == []
        assert traffic.answered > 50
        await_invariants(workload)
        assert set(market.placed) <= market.await_agreement()
        wait_until(lambda: "no dead letters" in system.command("deadletters"))
    posts = sum(map(len, workload.acknowledged.values()))
    record_property(
        REPORTS,
        f"{traffic.answered} requests answered, none 5xx or lost; {posts} posts, "
        f"{len(market.placed)} orders; {took:.0f} s for all services",
    )
    return system


def _services(system: System) -> list[str]:
    """Return all services, the gateway last: it alone knows what the others have new."""
    return sorted({row.app_id for row in system.ps().values() if row.app_id}, key=_is_gateway)


def _is_gateway(app_id: str) -> tuple[bool, str]:
    return app_id == "gateway", app_id


def _pids(system: System) -> set[int]:
    """Return the processes of services, without servers."""
    rows = [row for row in system.ps().values() if row.app_id]
    return {pid for row in rows for pid in (row.pid, row.sidecar_pid) if pid}


def _version(system: System) -> str:
    """Return the version that the gateway says it has."""
    found: str = system.get("/nodeinfo/2.0").json()["software"]["version"]
    return found


def _version_of(tree: Path) -> str:
    return str(current(tree))


def _posts_with_the_later_field(system: System) -> int:
    """Count the stored posts that have the field of the later release."""
    with sqlite3.connect(system.run_dir / "state" / "posts.db") as store:
        tables = [name for (name,) in store.execute("SELECT name FROM sqlite_master")]
        assert "state" in tables, tables
        rows = store.execute("SELECT value FROM state WHERE key LIKE '%||post:%'")
        return sum('"later":"later"' in str(value).replace(" ", "") for (value,) in rows)
