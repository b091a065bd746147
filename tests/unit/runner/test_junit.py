"""Several runs of pytest leave one report, with the tests of all."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tools.runner.commands.junit import JunitReport

ONE_TEST = (
    '<testsuites><testsuite name="pytest" tests="1"><testcase name="{}"/></testsuite></testsuites>'
)


def run(arguments: list[str], test: str) -> None:
    """Do what a run of pytest does with its arguments."""
    (path,) = [each.partition("=")[2] for each in arguments if each.startswith("--junitxml=")]
    Path(path).write_text(ONE_TEST.format(test))


@pytest.mark.parametrize("given", [["--junitxml={}"], ["--junitxml", "{}"], ["--junit-xml={}"]])
def test_the_report_has_the_tests_of_all_runs(given: list[str], tmp_path: Path) -> None:
    file = tmp_path / "report.xml"
    report = JunitReport(["-k", "saga", *(each.format(file) for each in given)])
    for name in ("one", "two"):
        arguments = report.arguments()
        assert arguments[:2] == ["-k", "saga"]
        run(arguments, name)
    report.write()
    root = ET.parse(file).getroot()  # noqa: S314 (written above)
    assert [each.get("name") for each in root.iter("testcase")] == ["one", "two"]
    assert [path.name for path in tmp_path.iterdir()] == ["report.xml"]


def test_a_run_that_did_not_begin_is_missing_and_no_run_leaves_no_report(tmp_path: Path) -> None:
    file = tmp_path / "report.xml"
    report = JunitReport([f"--junitxml={file}"])
    report.write()
    assert not file.exists()
    run(report.arguments(), "one")
    report.arguments()
    report.write()
    assert file.read_text().count("<testcase") == 1


def test_a_report_of_an_earlier_command_is_not_taken_for_this_one(tmp_path: Path) -> None:
    (tmp_path / "report.part1.xml").write_text(ONE_TEST.format("old"))
    report = JunitReport([f"--junitxml={tmp_path / 'report.xml'}"])
    report.arguments()
    report.write()
    assert not (tmp_path / "report.xml").exists()


def test_without_a_report_the_arguments_stay_as_they_are(tmp_path: Path) -> None:
    report = JunitReport(["-k", "saga", "tests/unit"])
    assert report.arguments() == ["-k", "saga", "tests/unit"]
    report.write()
