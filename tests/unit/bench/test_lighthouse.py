"""What the measurement of pages prints, and what it says when it cannot measure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from bench.lighthouse import median_score, median_times, post_page
from tools.runner.errors import RunnerError
from tools.web import npm

URL = "http://127.0.0.1:8080"
TIMES = ("first-contentful-paint", "largest-contentful-paint", "total-blocking-time")


def report(score: float, value: float) -> Mapping[str, Any]:
    audits = {audit: {"numericValue": value} for audit in TIMES}
    shift = {"cumulative-layout-shift": {"numericValue": value / 1e5}}
    return {"categories": {"performance": {"score": score}}, "audits": audits | shift}


def test_scores_and_times_are_medians() -> None:
    reports = [report(0.9, 900), report(1, 1000), report(0.2, 5000)]
    assert median_score(reports, "performance") == 90
    times = median_times(reports)
    assert times["first paint"] == "1000 ms"
    assert times["shift"] == "0.010"


class Answer:
    def __init__(self, posts: list[dict[str, str]]) -> None:
        self._posts = posts

    def raise_for_status(self) -> None:
        pass

    def json(self) -> list[dict[str, str]]:
        return self._posts


def answers(monkeypatch: pytest.MonkeyPatch, posts: list[dict[str, str]]) -> None:
    monkeypatch.setattr(requests, "get", lambda *_, **__: Answer(posts))


def test_the_page_of_a_post_is_a_path_on_the_measured_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(monkeypatch, [{"url": "https://photos.example/@ada/7"}])
    assert post_page(URL) == "/@ada/7"


def test_a_server_without_posts_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, [])
    with pytest.raises(SystemExit, match="no post with a picture"):
        post_page(URL)


def test_without_npm_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "package-lock.json").write_text("{}")
    monkeypatch.setattr(npm, "can_install", lambda: False)
    with pytest.raises(RunnerError, match="apt-get install npm"):
        npm.install(tmp_path, "lighthouse")
