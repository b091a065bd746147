from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime

import pytest

from tests.unit.dashboard.conftest import json_line, write_log
from tests.unit.dashboard.spans import message, span, trace_id
from tools.dashboard.collect.log_lines import parse_line
from tools.dashboard.collect.log_reader import LogFollower, processes
from tools.dashboard.collect.otlp import decode
from tools.dashboard.queries.logs import LogFilter, follow_logs, read_logs
from tools.dashboard.sources import Sources
from tools.runner.config.paths import RunDir

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()
TRACE = "0af7651916cd43dd8448eb211c80319c"


def messages(sources: Sources, **wanted: object) -> list[str]:
    return [entry.message for entry in read_logs(sources, LogFilter(**wanted)).entries]  # type: ignore[arg-type]


def local(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("line", "at", "level", "message"),
    [
        (json_line(1.5, "saved", "warning"), NOON + 1.5, "warning", "saved"),
        (
            'time="2026-11-29T12:00:02.385566633Z" level=fatal msg="no \\"host\\"" scope=dapr.x',
            NOON + 2.385566,
            "critical",
            'no "host"',
        ),
        (
            '{"level":"warn","ts":"2026-11-29T12:00:03Z","caller":"a.go:1","msg":"slow"}',
            NOON + 3,
            "warning",
            "slow",
        ),
        (
            "[14866] 2026/11/29 12:00:04.778639 [WRN] Plaintext",
            local("2026-11-29T12:00:04.778639"),
            "warning",
            "Plaintext",
        ),
        (
            "6634:M 29 Nov 2026 12:00:05.706 # Server initialized",
            local("2026-11-29T12:00:05.706"),
            "warning",
            "Server initialized",
        ),
        (
            "2026-11-29 12:00:06.018049+00:00 [error] <0.223.0> Feature flags",
            NOON + 6.018049,
            "error",
            "Feature flags",
        ),
    ],
)
def test_every_format_of_the_system_is_read(line: str, at: float, level: str, message: str) -> None:
    entry = parse_line("x", line)
    assert entry is not None
    assert entry.at == pytest.approx(at)
    assert (entry.level, entry.message) == (level, message)


def test_logs_are_merged_by_time_over_processes_and_rotated_files(
    run: RunDir, sources: Sources
) -> None:
    write_log(run, "posts.log.1", json_line(1, "first"))
    write_log(run, "posts.log", json_line(3, "third"))
    write_log(run, "nats.log", json_line(2, "second"), json_line(4, "fourth"))
    assert messages(sources) == ["first", "second", "third", "fourth"]
    assert messages(sources, limit=2) == ["third", "fourth"]


def test_filters_choose_by_service_level_text_and_trace(run: RunDir, sources: Sources) -> None:
    write_log(run, "posts.log", json_line(1, "saved", trace_id=TRACE), json_line(2, "No", "error"))
    write_log(run, "posts.daprd.log", 'time="2026-11-29T12:00:03Z" level=warning msg="retry"\n')
    write_log(run, "feed.log", json_line(4, "read", trace_id=TRACE))
    assert messages(sources, service="posts") == ["saved", "No", "retry"]
    assert messages(sources, service="posts.daprd") == ["retry"]
    assert messages(sources, level="warning") == ["No", "retry"]
    assert messages(sources, text="SAVED") == ["saved"]
    assert messages(sources, trace=TRACE) == ["saved", "read"]
    assert messages(sources, since=NOON + 2, until=NOON + 4) == ["No", "retry"]


def test_lines_without_a_time_belong_to_the_line_before_them(run: RunDir, sources: Sources) -> None:
    write_log(run, "posts.log", json_line(1, "starts"), "Traceback (most recent call last):\n")
    write_log(run, "posts.log", "  some frame\n", "ValueError: 3\n")
    write_log(run, "feed.log", json_line(2, "later"))
    expected = ["starts", "Traceback (most recent call last):", "  some frame", "ValueError: 3"]
    assert messages(sources) == [*expected, "later"]
    assert messages(sources, level="error") == [expected[1], expected[3]]


def test_a_request_reads_a_bounded_part_of_large_files(
    run: RunDir, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(run, "posts.log", json_line(0, "needle"))
    write_log(run, "posts.log", *(json_line(1, f"line {number}") for number in range(4_000)))
    assert messages(sources, text="needle") == ["needle"]
    defaults = (100_000,)
    monkeypatch.setattr("tools.dashboard.collect.log_reader.newest_first.__defaults__", defaults)
    page = read_logs(sources, LogFilter(text="needle"))
    assert not page.entries
    assert not page.is_complete


async def test_following_yields_what_is_written_later(run: RunDir, sources: Sources) -> None:
    write_log(run, "posts.log", json_line(1, "before"))
    entries = follow_logs(sources, LogFilter(level="info"))
    async with asyncio.timeout(60):
        assert (await anext(entries)).message == "before"
        coming = asyncio.ensure_future(anext(entries))
        await asyncio.sleep(0)
        write_log(run, "posts.log", json_line(2, "quiet", "debug"), json_line(3, "after"))
        write_log(run, "new.log", "half a line")
        assert (await coming).message == "after"


def test_following_goes_on_across_a_rotation_and_loses_no_line(run: RunDir) -> None:
    path = write_log(run, "posts.log", json_line(1, "before"))
    follower = LogFollower(run.logs, lambda _: True)
    write_log(run, "posts.log", json_line(2, "after"))
    assert [entry.message for entry in follower.read()] == ["after"]
    write_log(run, "posts.log", json_line(3, "last of the old file"))
    path.rename(path.with_name("posts.log.1"))
    write_log(run, "posts.log", json_line(4, "new file"), '{"time":')
    assert [entry.message for entry in follower.read()] == ["last of the old file", "new file"]
    write_log(run, "posts.log", '"2026-11-29T12:00:09Z", "message": "whole"}\n')
    assert [entry.message for entry in follower.read()] == ["whole"]


def test_a_service_name_includes_its_sidecar_and_replicas(run: RunDir) -> None:
    names = ("posts", "posts.daprd", "posts.2", "posts.2.daprd", "postscript")
    for name in names:
        write_log(run, f"{name}.log", json_line(1, name))
    assert [name for name in processes(run.logs) if LogFilter("posts").is_chosen(name)] == [
        "posts",
        "posts.2",
        "posts.2.daprd",
        "posts.daprd",
    ]
    assert [name for name in names if LogFilter("posts.daprd").is_chosen(name)] == ["posts.daprd"]
    assert all(LogFilter().is_chosen(name) for name in names)


def test_older_pages_are_reached_without_reading_what_is_newer(
    run: RunDir, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(run, "posts.log.1", *(json_line(n / 10, f"{n}") for n in range(10_000)))
    write_log(run, "posts.log", *(json_line(n / 10, f"{n}") for n in range(10_000, 20_000)))
    monkeypatch.setattr(
        "tools.dashboard.collect.log_reader.newest_first.__defaults__", (4 * 65_536,)
    )
    for newest in (19_999, 15_000, 9_999, 4_321, 1, 0):
        page = read_logs(sources, LogFilter(until=NOON + newest / 10 + 0.05, limit=3))
        expected = [f"{n}" for n in range(max(0, newest - 2), newest + 1)]
        assert [entry.message for entry in page.entries] == expected
    assert read_logs(sources, LogFilter(until=NOON - 1)).entries == ()


def test_the_lines_of_a_known_trace_are_looked_for_around_its_time(
    run: RunDir, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced = span("GET /posts", at=int(NOON * 1e9))
    sources.spans.add(list(decode(message([traced]))))
    write_log(run, "posts.log", json_line(0, "wanted", trace_id=trace_id(traced)))
    write_log(run, "posts.log", *(json_line(500 + n / 10, "later") for n in range(10_000)))
    monkeypatch.setattr(
        "tools.dashboard.collect.log_reader.newest_first.__defaults__", (4 * 65_536,)
    )
    assert messages(sources, trace=trace_id(traced)) == ["wanted"]


def test_a_search_ends_at_its_deadline(
    run: RunDir, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(run, "posts.log", *(json_line(1, "line") for _ in range(3_000)))
    monkeypatch.setattr("tools.dashboard.queries.logs.MAX_SCAN_SECONDS", -1.0)
    page = read_logs(sources, LogFilter(text="nothing"))
    assert (page.entries, page.is_complete) == ((), False)


def test_a_search_that_ends_early_has_read_all_processes_equally_far(
    run: RunDir, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        write_log(run, f"{name}.log", *(json_line(n / 10, "info") for n in range(15_000)))
    write_log(run, "second.log", json_line(1_500, "it broke", "error"))
    ticks = itertools.count()
    monkeypatch.setattr("tools.dashboard.collect.log_reader.time.monotonic", lambda: next(ticks))
    monkeypatch.setattr("tools.dashboard.queries.logs.MAX_SCAN_SECONDS", 6)
    page = read_logs(sources, LogFilter(level="error"))
    assert [entry.message for entry in page.entries] == ["it broke"]
    assert not page.is_complete
