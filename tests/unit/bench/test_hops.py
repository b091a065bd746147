from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from bench.hops import HopResults, hop_table, hops
from bench.metrics import ScenarioMetrics
from bench.options import parse
from bench.results import RunConditions
from bench.scenarios import FLOOR
from bench.system import BenchSystem, SystemOptions, SystemUnavailable
from tests.unit.bench.examples import cell, results


@pytest.fixture
def system(tmp_path: Path) -> BenchSystem:
    tokens = {
        name: {"sidecar": f"{name}-sidecar", "app": f"{name}-app"} for name in ("feed", "gateway")
    }
    (tmp_path / "state.json").write_text(json.dumps({"tokens": tokens}))
    rows = [
        {"service": "gateway", "address": "http://127.0.0.1:1", "sidecar_port": 2},
        {"service": "feed", "address": "http://127.0.0.1:3", "sidecar_port": 4},
    ]
    report = {"services": rows}
    return BenchSystem(SystemOptions(), "http://127.0.0.1:1", report=report, run_dir=tmp_path)


def test_every_way_to_the_service_has_one_process_more(system: BenchSystem) -> None:
    ways = [(hop.url, hop.path, dict(hop.headers).get("dapr-api-token")) for hop in hops(system)]
    invoked = "/v1.0/invoke/feed/method/healthz"
    assert ways == [
        ("http://127.0.0.1:3", "/healthz", "feed-app"),
        ("http://127.0.0.1:4", invoked, "feed-sidecar"),
        ("http://127.0.0.1:2", invoked, "gateway-sidecar"),
        ("http://127.0.0.1:1", "/ping", None),
    ]


def test_a_system_without_a_run_directory_has_no_known_sidecars() -> None:
    with pytest.raises(SystemUnavailable):
        hops(BenchSystem(SystemOptions(), "http://127.0.0.1:1"))


def ways() -> dict[str, list[ScenarioMetrics]]:
    rows = [results([cell(FLOOR, 60_000, number)]).rows[0] for number in (1, 16)]
    return dict.fromkeys(("app", "app + two sidecars"), rows)


def test_the_table_fits_eighty_columns_and_compares_ways_with_the_same_number_in_flight() -> None:
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(hop_table(ways()))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "…" not in text
    assert all(len(line) <= 80 for line in text.splitlines())
    rows = [line.split() for line in text.splitlines() if line.strip().startswith("app")]
    assert [(row[0:2], row[-8]) for row in rows if row[1] != "+"] == [
        (["app", "1"], "1"),
        (["app", "16"], "16"),
    ]


def test_results_are_written_by_way(tmp_path: Path) -> None:
    outcome = HopResults(RunConditions({}, 0.0, {}), ways())
    outcome.write(tmp_path / "hops.json")
    read = json.loads((tmp_path / "hops.json").read_text())
    assert [row["in_flight"] for row in read["hops"]["app + two sidecars"]] == [1, 16]
    assert outcome.errors == 0
    console = Console(width=100)
    with console.capture() as shown:
        outcome.show(console)
    assert "app + two sidecars" in shown.get()


def test_hops_need_no_bare_workflow() -> None:
    assert parse(["--hops"]).hops
    assert not parse(["--hops"]).system.with_bare
    assert not parse(["--growth"]).system.with_bare
