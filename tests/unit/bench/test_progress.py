"""A benchmark says how far it is, also where the output is no terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from bench import progress as bench_progress
from bench.progress import progress_bar
from tests.system.waiting import wait_until
from tools.runner.output import progress


def test_without_a_terminal_each_phase_is_reported_regularly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "REPORT_INTERVAL", 0.05)
    monkeypatch.setattr(bench_progress, "_LOOK_INTERVAL", 0.01)
    printed = ""

    def shows(pattern: str) -> bool:
        nonlocal printed
        printed += capsys.readouterr().err
        return re.search(pattern, printed) is not None

    with progress_bar(Console(file=io.StringIO())) as bar:
        phase = bar.add_task("posting", total=2_000)
        wait_until(lambda: shows("posting …"))
        bar.update(phase, advance=500, description="posting, slowly")
        wait_until(lambda: shows("posting: posting, slowly, 500 of 2,000, .* s so far"))
        bar.update(phase, completed=2_000)
        wait_until(lambda: shows(r"posting: \d+ s\n"))
    assert printed.count("posting …") == 1
