"""What ran on which component set: read, written, and kept in the repository."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree

from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError

RESULTS = REPO / "docs" / "components.json"
"""The committed results, of which docs/components.md is made."""

SUITES = ("contract", "e2e")


@dataclass(frozen=True)
class SuiteResult:
    """The counts of one run of a suite."""

    sources: str
    """A key of what was tested."""
    at: str
    """The day, in ISO format."""
    passed: int
    failed: int
    skipped: int
    seconds: int

    @property
    def is_whole(self) -> bool:
        """Whether tests ran and none failed."""
        return self.passed > 0 and self.failed == 0

    @property
    def total(self) -> int:
        """How many tests there were, with those that were skipped."""
        return self.passed + self.failed + self.skipped


@dataclass(frozen=True)
class BenchResult:
    """Figures of a short benchmark, with 16 requests in flight.

    By kind of request: a second, and processor time. The unit of both is the floor of the same run,
    which is a request that touches neither store nor broker.
    """

    at: str
    elsewhere: float
    """The share of the machine that other processes took."""
    rate: Mapping[str, float] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    memory: float | None = None
    """MB of all processes at the end."""


@dataclass(frozen=True)
class SetResult:
    """All that ran on one component set."""

    suites: Mapping[str, SuiteResult] = field(default_factory=dict)
    bench: BenchResult | None = None

    def with_suite(self, name: str, result: SuiteResult) -> SetResult:
        return replace(self, suites={**self.suites, name: result})


Results = dict[str, SetResult]


def read_results(path: Path = RESULTS) -> Results:
    """Return the results by set; none if nothing ran."""
    if not path.exists():
        return {}
    return {name: _set_result(raw) for name, raw in json.loads(path.read_text()).items()}


def _set_result(raw: Mapping[str, object]) -> SetResult:
    suites, bench = raw["suites"], raw["bench"]
    assert isinstance(suites, dict)  # noqa: S101 (as `write_results` writes it)
    return SetResult(
        {name: SuiteResult(**each) for name, each in suites.items()},
        BenchResult(**bench) if isinstance(bench, dict) else None,
    )


def write_results(results: Results, path: Path = RESULTS) -> None:
    """Write all results, sorted by set."""
    everything = {name: asdict(results[name]) for name in sorted(results)}
    path.write_text(json.dumps(everything, indent=2) + "\n")


def read_junit(path: Path, name: str, suite: str, sources: str, at: str) -> SuiteResult:
    """Return the counts of a suite on a set in a file that `pytest --junitxml` wrote.

    All are 0 if it wrote none. `seconds` is the time of all tests one after the other.
    """
    cases = list(_cases(path, name, suite)) if path.exists() else []
    outcomes = [_outcome(case) for case in cases]
    return SuiteResult(
        sources=sources,
        at=at,
        passed=outcomes.count("passed"),
        failed=outcomes.count("failed"),
        skipped=outcomes.count("skipped"),
        seconds=round(sum(float(case.get("time", 0)) for case in cases)),
    )


def read_begin(path: Path) -> str:
    """Return when the first tests of a report began, in ISO format. Raises RunnerError."""
    try:
        suites = ElementTree.parse(path).getroot().iter("testsuite")  # noqa: S314 (our own file)
    except ElementTree.ParseError as error:
        raise RunnerError(f"{path} is no report: {error}") from None
    begun = min((suite.get("timestamp", "") for suite in suites), default="")
    if not begun:
        raise RunnerError(f"{path} does not say when its tests began: is it a report of pytest?")
    return begun


def _cases(path: Path, name: str, suite: str) -> Iterator[ElementTree.Element]:
    """The tests of a suite that name the set as one of their parameters."""
    for case in ElementTree.parse(path).getroot().iter("testcase"):  # noqa: S314 (our own file)
        _, _, parameters = case.get("name", "").partition("[")
        if case.get("classname", "").startswith(f"tests.{suite}.") and names_set(name, parameters):
            yield case


def names_set(name: str, parameters: str) -> bool:
    """Return whether the parameters of a test, such as `embedded-0]`, are about a set."""
    return re.search(rf"(^|-){re.escape(name)}(-|\])", parameters) is not None


def _outcome(case: ElementTree.Element) -> str:
    kinds = {child.tag for child in case}
    if kinds & {"failure", "error"}:
        return "failed"
    return "skipped" if "skipped" in kinds else "passed"


def read_bench(path: Path) -> BenchResult:
    """Return the figures in a file that `bench --json` wrote."""
    raw = json.loads(path.read_text())
    rows = raw["own"]["rows"]
    stages = list(raw["own"]["memory"].values())
    return BenchResult(
        at=raw["at"][:10],
        elsewhere=round(raw["elsewhere"], 2),
        rate={row["kind"]: round(row["of_floor"], 3) for row in rows},
        cost={row["kind"]: round(row["cost_in_floors"], 2) for row in rows},
        memory=round(sum(stages[-1].values())) if stages else None,
    )
