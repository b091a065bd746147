"""What the matrix keeps of a run, and the page that is made of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tools.matrix import run
from tools.matrix.page import PAGE, page
from tools.matrix.results import (
    BenchResult,
    SetResult,
    SuiteResult,
    read_bench,
    read_junit,
    read_results,
    write_results,
)
from tools.runner.config.components import set_names
from tools.runner.errors import RunnerError

PASSED = SuiteResult("abc", "2026-11-30", passed=9, failed=0, skipped=1, seconds=60)
FAILED = SuiteResult("abc", "2026-11-30", passed=8, failed=2, skipped=0, seconds=61)
BENCH = BenchResult(
    "2026-11-30", 0.25, {"compose": 0.2, "home-miss": 0.8}, {"compose": 40.0, "home-miss": 1.5}, 900
)


def test_the_committed_page_is_that_of_the_committed_results() -> None:
    assert PAGE.read_text() == page(read_results())


def test_only_sets_that_exist_have_results() -> None:
    assert read_results().keys() <= set(set_names())


def test_a_set_that_did_not_run_is_named_as_such() -> None:
    lines = page({}).splitlines()
    for name in set_names():
        (row,) = (line for line in lines if line.startswith(f"| `{name}` |"))
        assert row.endswith("| not run | not run |")
    assert "## Speed" not in lines


def test_the_page_says_what_passed_and_how_fast_a_set_is_beside_embedded() -> None:
    slow = BenchResult(
        "2026-11-30", 0.5, {"compose": 0.1, "home-miss": 0.2}, {"compose": 80.0, "home-miss": 3.0}
    )
    results = {
        "embedded": SetResult({"contract": PASSED, "e2e": FAILED}, BENCH),
        "redis-streams": SetResult({}, slow),
    }
    text = page(results)
    assert "\n## Speed\n" in text
    assert "| 9 of 9, 1 skipped (2026-11-30) | 8 of 10 (2026-11-30) |" in text
    assert "| `embedded` | 1.00 | 40.0 f | 1.00 | 1.5 f | 900 MB | 25% |" in text
    assert "| `redis-streams` | 0.50 | 80.0 f | 0.25 | 3.0 f | - | 50% |" in text


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert read_results(path) == {}
    results = {"embedded": SetResult({"e2e": PASSED}, BENCH), "redis-streams": SetResult()}
    write_results(results, path)
    assert read_results(path) == results


def test_the_counts_are_those_of_pytest(tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"

    def read(name: str = "embedded", suite: str = "e2e") -> SuiteResult:
        return read_junit(junit, name, suite, "abc", "2026-11-30")

    assert not read().is_whole  # it died before it wrote any
    write_report(junit)
    assert read() == SuiteResult("abc", "2026-11-30", passed=2, failed=2, skipped=1, seconds=8)
    assert not read().is_whole
    assert read("rabbitmq-redis").is_whole
    assert read("embedded", "contract") == replace(PASSED, passed=1, skipped=0, seconds=2)
    assert PASSED.is_whole


def write_report(path: Path) -> None:
    cases = [
        ("e2e.test_posts", "test_a[embedded]", ""),
        ("e2e.test_posts", "test_a[rabbitmq-redis]", ""),
        ("e2e.test_posts", "test_b[embedded-0]", ""),
        ("e2e.test_posts", "test_c[embedded]", "<skipped/>"),
        ("e2e.test_posts", "test_d[embedded]", "<failure/>"),
        ("e2e.test_posts", "test_e[1-embedded]", "<error/>"),
        ("contract.test_state", "test_f[embedded]", ""),
        ("unit.test_sets", "test_g[embedded]", ""),
    ]
    texts = (
        f'<testcase classname="tests.{place}" name="{name}" time="1.6">{outcome}</testcase>'
        for place, name, outcome in cases
    )
    suite = f'<testsuite timestamp="2026-11-28T23:59:00+00:00">{"".join(texts)}</testsuite>'
    path.write_text(f"<testsuites>{suite}</testsuites>")


WHOLE = {("embedded", "contract"): 1, ("embedded", "e2e"): 5, ("rabbitmq-redis", "e2e"): 1}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, SetResult]:
    """What is kept of reports, in a repository with as many tests as `write_report` writes."""
    kept: dict[str, SetResult] = {}
    monkeypatch.setattr(run, "_sources", lambda at: f"as of {at}")
    monkeypatch.setattr(run, "_collected", lambda name, suite: WHOLE[name, suite])
    monkeypatch.setattr(
        run, "_keep", lambda name, add: kept.update({name: add(kept.get(name, SetResult()))})
    )
    return kept


def test_a_report_of_all_tests_counts_for_the_sets_that_are_in_it(
    tmp_path: Path, kept: dict[str, SetResult], capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "all.xml"
    write_report(report)
    assert run.run_matrix([str(report)]) == 1
    counts = {name: {s: r.passed for s, r in kept[name].suites.items()} for name in kept}
    assert counts == {"embedded": {"contract": 1, "e2e": 2}, "rabbitmq-redis": {"e2e": 1}}
    assert "e2e on embedded: 2 passed, 2 failed" in capsys.readouterr().out


def test_a_report_counts_for_its_own_day_and_sources(
    tmp_path: Path, kept: dict[str, SetResult]
) -> None:
    report = tmp_path / "all.xml"
    write_report(report)
    run.run_matrix([str(report)])
    found = kept["embedded"].suites["contract"]
    assert (found.at, found.sources) == ("2026-11-28", "as of 2026-11-28T23:59:00+00:00")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "there is no report"),
        ("not XML", "is no report"),
        ("<testsuites/>", "does not say when its tests began"),
        ('<testsuites><testsuite timestamp="2026-11-28T23:59:00"/></testsuites>', "nothing of the"),
    ],
)
def test_what_is_no_report_of_the_matrix_is_refused(
    tmp_path: Path, kept: dict[str, SetResult], text: str | None, why: str
) -> None:
    report = tmp_path / "all.xml"
    if text is not None:
        report.write_text(text)
    with pytest.raises(RunnerError, match=why):
        run.run_matrix([str(report)])
    assert kept == {}


def test_a_report_with_a_part_of_a_suite_is_refused(
    tmp_path: Path, kept: dict[str, SetResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "part.xml"
    write_report(report)
    monkeypatch.setitem(WHOLE, ("rabbitmq-redis", "e2e"), 2)
    with pytest.raises(RunnerError, match="has 1 of 2 tests of e2e on rabbitmq-redis"):
        run.run_matrix([str(report)])
    assert kept == {}


def test_as_many_tests_are_a_suite_as_pytest_finds_for_the_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "REPO", tmp_path)
    suite = tmp_path / "tests" / "e2e"
    suite.mkdir(parents=True)
    sets = "'embedded', 'redis-streams', '1-embedded', 'embedded-2'"
    (suite / "test_embedded.py").write_text(
        "import pytest\n"
        f"@pytest.mark.parametrize('set', [{sets}])\n"
        "def test_it(set: str) -> None: ...\n"
        "def test_embedded() -> None: ...\n"
    )
    assert run._collected("embedded", "e2e") == 3
    (suite / "test_embedded.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(RunnerError, match="nothing_of_this_name"):
        run._collected("embedded", "e2e")


def test_sources_are_those_of_the_newest_commit_before_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "REPO", tmp_path)
    for part in ("services", "components", "tests", "tools/dapr"):
        (tmp_path / part).mkdir(parents=True)
        (tmp_path / part / "file").write_text("one")
    run._git("init", "--quiet")
    first = commit("2026-11-28T10:00:00+00:00")
    (tmp_path / "services" / "file").write_text("two")
    second = commit("2026-11-29T10:00:00+00:00")
    assert first != second == run._sources()
    assert run._sources("2026-11-28T23:59:00.909778+00:00") == first
    assert run._sources("2026-11-29T23:59:00.909778+00:00") == second


def commit(at: str) -> str:
    """Commit everything at a time, and return the key of the sources."""
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    run._git("add", "--all")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_COMMITTER_DATE", at)
        run._git(*identity, "commit", "--quiet", "--message", at)
    return run._sources()


def test_the_figures_are_those_of_the_benchmark(tmp_path: Path) -> None:
    rows = [{"kind": "compose", "of_floor": 0.2, "cost_in_floors": 40.0}]
    own = {"rows": rows, "memory": {"start": {"a": 1.0}, "end": {"a": 2.0, "b": 3.0}}}
    path = tmp_path / "bench.json"
    path.write_text(json.dumps({"at": "2026-11-30T02:00:00Z", "elsewhere": 0.251, "own": own}))
    assert read_bench(path) == BenchResult(
        "2026-11-30", 0.25, {"compose": 0.2}, {"compose": 40.0}, 5
    )


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The steps that run, of which all pass; `e2e on redis-streams` has failed before."""
    ran: list[tuple[str, str]] = []

    def run_step(name: str, step: str) -> bool:
        ran.append((name, step))
        return True

    before = {
        "embedded": SetResult({"contract": PASSED, "e2e": PASSED}, BENCH),
        "redis-streams": SetResult({"contract": PASSED, "e2e": FAILED}, BENCH),
    }
    monkeypatch.setattr(run, "OUTPUT", tmp_path)
    monkeypatch.setattr(run, "set_names", lambda: list(before))
    monkeypatch.setattr(run, "read_results", lambda: before)
    monkeypatch.setattr(run, "_sources", lambda: PASSED.sources)
    monkeypatch.setattr(run, "_run_step", run_step)
    return ran


def test_what_has_passed_is_not_run_again(steps: list[tuple[str, str]]) -> None:
    assert run.run_matrix([]) == 0
    assert steps == [("redis-streams", "e2e")]


def test_other_sources_are_tested_again(
    steps: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_sources", lambda: "other")
    run.run_matrix(["contract"])
    assert steps == [("embedded", "contract"), ("redis-streams", "contract")]


def test_a_set_that_is_named_is_run_in_any_case(steps: list[tuple[str, str]]) -> None:
    run.run_matrix(["embedded", "e2e", "bench"])
    assert steps == [("embedded", "e2e"), ("embedded", "bench")]
    with pytest.raises(RunnerError, match="is neither a set"):
        run.run_matrix(["kafka"])


def test_a_failure_is_told(
    steps: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(run, "_run_step", lambda *_: False)
    assert run.run_matrix(["embedded", "e2e"]) == 1
    assert "FAILED: e2e on embedded" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("", "begun"),
        ("..s", "begun"),
        ("..s. [  6%]\n.... [ 12%]\n..", "12%"),
        ("..s. [  6%]\n..F. [ 12%]\n..", "12%, a test has failed"),
        ("..E", "begun, a test has failed"),
    ],
)
def test_a_suite_says_how_far_it_is(said: str, shown: str) -> None:
    assert run._how_far(said) == shown


def test_a_long_suite_says_it_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "OUTPUT", tmp_path)
    monkeypatch.setattr(run, "_PROGRESS_INTERVAL", 0.05)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "slow.py").write_text(
        "import pathlib, time\n"
        "print('.. [ 40%]', flush=True)\n"
        "while not pathlib.Path(__file__).with_name('end').exists(): time.sleep(0.02)\n"
        "raise SystemExit(3)\n"
    )

    def end(said: str) -> str:
        if "40%" in said:
            (tmp_path / "end").touch()
        return how_far(said)

    how_far = run._how_far
    monkeypatch.setattr(run, "_how_far", end)
    assert run._call("embedded", "e2e", ["slow"]) == 3
    assert "  40%\n" in capsys.readouterr().out
