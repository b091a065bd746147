"""Every alert is tested, and the runbook knows every alert."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.observability.promtool import check

REPO = Path(__file__).parents[3]
FOLDER = REPO / "deploy" / "observability" / "rules"
RULES = sorted(FOLDER.glob("*.yaml"))
TESTS = sorted((FOLDER / "tests").glob("*.yaml"))
PAGE = (REPO / "docs" / "operating.md").read_text()
PARTS = ("What it means", "What people notice", "How to look", "What to do", "No alarm")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for path in RULES
    for group in load(path)["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
SECTIONS = dict(re.findall(r"^### Alert: (.+?)\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL))
"""The sections of the runbook, by their headings."""


def kebab(alert: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", alert).lower()


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_prometheus_understands_the_rules(path: Path) -> None:
    check("promtool", "check", "rules", "--lint-fatal", str(path))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should(path: Path) -> None:
    check("promtool", "test", "rules", str(path))


def test_every_file_of_rules_has_its_tests() -> None:
    assert [path.name for path in TESTS] == [path.name for path in RULES]


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_is_tested_when_it_fires_and_when_it_does_not(alert: str) -> None:
    checks = [
        check["exp_alerts"]
        for path in TESTS
        for test in load(path)["tests"]
        for check in test["alert_rule_test"]
        if check["alertname"] == alert
    ]
    assert any(checks), "no test lets it fire"
    assert not all(checks), "in each test it fires"


def metrics_of_rules() -> set[str]:
    """Return the metrics that expressions name, without those that rules record themselves."""
    expressions = [
        rule["expr"] for path in RULES for group in load(path)["groups"] for rule in group["rules"]
    ]
    names = re.findall(r"(?<![:\w])(?:http|microgram)_\w+", " ".join(expressions))
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in names}


def test_every_metric_of_a_rule_exists() -> None:
    """tests/services/test_metric_names.py and tests/unit/runner/test_exporter.py hold the page."""
    page = (REPO / "docs" / "observability.md").read_text()
    known = set(re.findall(r"`((?:http|microgram)_[a-z_]+)[`{]", page))
    assert metrics_of_rules() <= known


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_people_see_and_where_its_runbook_is(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"] in ({"severity": "critical"}, {"severity": "warning"})
    assert rule["annotations"].keys() == {"summary", "runbook_url"}
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["runbook_url"] == f"docs/operating.md#alert-{kebab(alert)}"


def test_the_runbook_has_a_section_for_each_alert_and_no_other() -> None:
    anchors = [heading.replace(" ", "-") for heading in SECTIONS]
    assert sorted(anchors) == sorted(map(kebab, ALERTS))


@pytest.mark.parametrize("heading", SECTIONS)
def test_a_section_of_the_runbook_answers_the_same_questions(heading: str) -> None:
    assert re.findall(r"^\*\*(.+?)\.\*\*", SECTIONS[heading], re.MULTILINE) == list(PARTS)
    assert "`./tye-like-run.sh " in SECTIONS[heading], "it names no command to look with"
