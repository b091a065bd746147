from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.dashboard.conftest import json_line, write_log
from tests.unit.dashboard.spans import message, span, trace_id
from tools.dashboard.collect.otlp import decode
from tools.dashboard.sources import Sources
from tools.runner.__main__ import main
from tools.runner.config.paths import RunDir, write_private

Command = Callable[..., tuple[int, str, str]]
"""Runs a command; returns its exit code, output and errors."""

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def call(run: RunDir, capsys: pytest.CaptureFixture[str]) -> Command:
    def run_command(*arguments: str) -> tuple[int, str, str]:
        code = main(["--run-dir", str(run.path), *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run_command


def test_logs_are_printed_merged_and_filtered(run: RunDir, call: Command) -> None:
    write_log(run, "posts.log", json_line(1, "saved", trace_id=TRACE), json_line(3, "no", "error"))
    write_log(run, "nats.log", json_line(2, "listens", port=4_222))
    code, text, _ = call("logs")
    lines = [line.partition(" | ") for line in text.splitlines()]
    assert code == 0
    assert [name.strip() for name, _, _ in lines] == ["posts", "nats", "posts"]
    assert [rest.split(" ", 1)[1] for _, _, rest in lines] == [
        "info saved",
        "info listens port=4222",
        "error no",
    ]
    for arguments, expected in (
        (("posts",), ["saved", "no"]),
        (("--level", "warning"), ["no"]),
        (("--trace", TRACE), ["saved"]),
        (("--text", "LISTENS"), ["listens"]),
        (("-n", "1"), ["no"]),
    ):
        _, text, _ = call("logs", *arguments, "--json")
        assert [json.loads(line)["message"] for line in text.splitlines()] == expected
    code, _, error = call("logs", "nothing")
    assert (code, "no logs of nothing" in error) == (1, True)


def test_traces_are_listed_and_shown_without_a_dashboard(run: RunDir, call: Command) -> None:
    root = span("GET /posts", "gateway", seconds=0.5)
    child = span("GET state", "posts", root, start=0.1, seconds=0.2, error="away")
    sources = Sources.of_run(run)
    sources.spans.add(list(decode(message([root, child, span("GET /other", "feed", start=9)]))))
    sources.close()
    _, text, _ = call("traces")
    assert text.split()[1] == trace_id(root)
    assert "GET /other" in text.splitlines()[1]
    _, text, _ = call("traces", "--errors", "--service", "posts", "--json")
    assert [json.loads(line)["errors"] for line in text.splitlines()] == [1]
    _, text, _ = call("traces", trace_id(root))
    assert "  posts: GET state" in text
    assert "ERROR away" in text
    _, text, _ = call("traces", trace_id(root), "--json")
    assert [each["depth"] for each in json.loads(text)["spans"]] == [0, 1]
    code, _, error = call("traces", "f" * 32)
    assert (code, "no trace" in error) == (1, True)


def test_without_any_spans_the_command_says_so(call: Command) -> None:
    code, text, _ = call("traces")
    assert (code, "no traces" in text) == (0, True)


def test_the_address_of_the_dashboard_is_printed_again(run: RunDir, call: Command) -> None:
    assert "nothing is running" in call("dashboard")[2]
    write_private(run.state, json.dumps({"dashboard": None}))
    assert "--no-dashboard" in call("dashboard")[2]
    write_private(run.state, json.dumps({"dashboard": "http://127.0.0.1:1/?token=x"}))
    assert call("dashboard")[1] == "http://127.0.0.1:1/?token=x\n"


def test_a_file_that_is_no_export_is_named(tmp_path: Path, call: Command) -> None:
    (tmp_path / "x.zip").write_bytes(b"x")
    code, _, error = call("dashboard", "--open", str(tmp_path / "x.zip"))
    assert (code, "x.zip is not an export" in error) == (1, True)
