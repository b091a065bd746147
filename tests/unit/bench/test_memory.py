from __future__ import annotations

import os
import subprocess
import sys

from bench.memory import (
    ProcessMemory,
    format_memory,
    memory_by_kind,
    process_kinds,
    read_memory,
)

ROLLUP = """\
55d0c3a00000-7ffd8a5fe000 ---p 00000000 00:00 0 [rollup]
Rss:               75956 kB
Pss:               74644 kB
Private_Clean:     63196 kB
Private_Dirty:     11436 kB
"""
REPORT = {
    "services": [
        {"app_id": "gateway", "service": "gateway", "pid": 1, "sidecar_pid": 2},
        {"app_id": "posts", "service": "posts.2", "pid": 3, "sidecar_pid": 4},
    ],
    "infra": [{"service": "nats", "pid": 5}],
}


def test_a_rollup_is_read_in_bytes() -> None:
    assert read_memory(ROLLUP) == ProcessMemory(74644 * 1024, (63196 + 11436) * 1024)


def test_processes_have_the_kinds_of_the_report() -> None:
    kinds = {1: "gateway", 2: "sidecars", 3: "services", 4: "sidecars", 5: "nats", 9: "runner"}
    assert process_kinds(REPORT, 9) == kinds


def test_a_process_that_is_listed_nowhere_is_a_helper_and_one_that_has_ended_is_left_out() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    found = memory_by_kind({}, [os.getpid(), ended.pid])
    assert {kind: len(each) for kind, each in found.items()} == {"helpers": 1}
    assert found["helpers"][0].proportional > 1_000_000


def test_the_table_has_the_sum_of_all() -> None:
    one = ProcessMemory(20_000_000, 10_000_000)
    assert format_memory({"nats": [one], "sidecars": [one, one]}).splitlines() == [
        "MB             processes  proportional  private each",
        "sidecars               2            40          10.0",
        "nats                   1            20          10.0",
        "all                    3            60",
    ]
