from __future__ import annotations

import os
import struct
from pathlib import Path

import psutil
import pytest
import yaml
from starlette.types import Receive, Scope, Send

from bench.api_client import BenchPerson
from bench.call_counter import BLOCKS, DELIVERIES, block_of, count_deliveries, read_counts
from bench.home_verifier import HomeVerifier
from bench.options import parse
from bench.process_usage import ProcessUsage, processes_by_kind, usage_delta
from bench.system import REPO, counted_command, counted_manifest

REPORT = {
    "services": [
        {"app_id": "gateway", "pid": 1, "sidecar_pid": 2},
        {"app_id": "feed", "pid": 3, "sidecar_pid": 4},
        {"app_id": "feed", "pid": 5, "sidecar_pid": None},
    ],
    "infra": [{"service": "nats", "pid": 6}, {"service": "redis", "pid": None}],
}


def test_processes_are_sorted_by_kind() -> None:
    assert processes_by_kind(REPORT) == {
        "gateway": [1],
        "services": [3, 5],
        "sidecars": [2, 4],
        "broker": [6],
    }


def test_each_service_and_each_sidecar_can_be_a_kind_of_its_own() -> None:
    assert processes_by_kind(REPORT, by_service=True) == {
        "gateway": [1],
        "broker": [6],
        "feed": [3, 5],
        "feed.daprd": [4],
        "gateway.daprd": [2],
    }


def test_usage_is_read_from_running_processes() -> None:
    report = {"services": [{"app_id": "gateway", "pid": os.getpid(), "sidecar_pid": None}]}
    usage = ProcessUsage(processes_by_kind(report))
    assert usage.cpu()["gateway"] > 0
    assert usage.memory()["gateway"] > 5


def test_memory_is_what_a_process_has_alone_and_its_share_of_the_rest() -> None:
    used = ProcessUsage({"all": [os.getpid()]}).memory()["all"]
    assert used <= psutil.Process().memory_info().rss / 1e6


def test_the_difference_of_two_readings_is_computed() -> None:
    assert usage_delta({"a": 3.0, "b": 2.0}, {"a": 1.0}) == {"a": 2.0, "b": 2.0}


def test_every_service_is_counted_and_every_path_is_absolute(tmp_path: Path) -> None:
    manifest = counted_manifest(REPO / "dapr.yaml")
    for app in manifest["apps"]:
        assert app["command"][1:3] == ["-m", "bench.call_counter"]
        assert app["command"][3].startswith("services.")
        assert Path(app["appDirPath"]).is_absolute()
    assert all(Path(path).is_absolute() for path in manifest["common"]["resourcesPaths"])
    assert yaml.safe_load(yaml.safe_dump(manifest)) == manifest


def test_commands_in_other_languages_are_unchanged() -> None:
    assert counted_command(["./guest", "-m", "x"]) == ["./guest", "-m", "x"]


@pytest.mark.parametrize(
    ("url", "block"),
    [
        ("http://127.0.0.1:3500/v1.0/state/statestore/a", "state"),
        ("http://127.0.0.1:3500/v1.0/invoke/feed/method/v1.0/state", "invoke"),
        ("http://127.0.0.1:3500/v1.0/healthz/outbound", "other"),
        ("http://example.org/", "other"),
    ],
)
def test_calls_are_counted_by_building_block(url: str, block: str) -> None:
    assert block_of(url) == block


def test_counts_of_all_processes_are_added_up(tmp_path: Path) -> None:
    one = struct.pack(f"<{len(BLOCKS)}Q", *range(len(BLOCKS)))
    (tmp_path / "feed.1").write_bytes(one)
    (tmp_path / "feed.2").write_bytes(one)
    (tmp_path / "half-made").write_bytes(one[:9])
    assert read_counts(tmp_path) == {block: 2 * i for i, block in enumerate(BLOCKS)}
    assert sum(read_counts(tmp_path / "nowhere").values()) == 0


async def test_what_a_sidecar_delivers_is_counted() -> None:
    counted: list[str] = []
    served: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        served.append(scope.get("path", scope["type"]))

    counting = count_deliveries(app, counted.append)
    for path in ("/events/posts", "/events-broadcast/posts", "/healthz"):
        await counting({"type": "http", "path": path}, None, None)
    await counting({"type": "lifespan"}, None, None)
    assert counted == [DELIVERIES] * 2
    assert served == ["/events/posts", "/events-broadcast/posts", "/healthz", "lifespan"]


def test_a_home_shows_the_newest_of_its_owner_and_of_whom_they_follow() -> None:
    homes = HomeVerifier([BenchPerson(str(n), "") for n in range(3)], [[1], [0], []])
    for author, id in ((0, "9"), (1, "10"), (2, "11"), (1, "8")):
        homes.record_post(author, id)
    assert homes.expected_page(0) == ["10", "9", "8"]
    assert homes.expected_page(2) == ["11"]
    assert (homes.home_size(0), homes.post_count(1)) == (3, 2)


def test_pictures_are_measured_only_on_request() -> None:
    assert "picture" not in parse([]).kinds
    assert "picture" in parse(["--pictures"]).kinds
    assert parse(["--kinds", "floor,home", "--in-flight", "4"]).in_flight == (4,)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--kinds", "x"],
        ["--in-flight", "0"],
        ["--posts", "0"],
        ["--compare", "http://127.0.0.1:1"],
        ["--compare", "http://127.0.0.1:1", "--pids", str(2**22 + 1)],
        ["--pids", str(os.getpid())],
    ],
)
def test_invalid_options_are_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(wrong)
    assert "usage:" in capsys.readouterr().err
