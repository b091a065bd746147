"""What a version may be, and where it is named."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tools.release.checks import version_problems
from tools.release.versions import (
    PLACES,
    SemanticVersion,
    current,
    disagreements,
    mentions,
    write_version,
)
from tools.runner.config.paths import REPO


@pytest.mark.parametrize(
    ("last", "breaks", "adds", "least"),
    [
        ("0.1.4", True, True, "0.2.0"),
        ("0.1.4", False, True, "0.1.5"),
        ("0.1.4", False, False, "0.1.5"),
        ("1.2.3", True, True, "2.0.0"),
        ("1.2.3", False, True, "1.3.0"),
        ("1.2.3", False, False, "1.2.4"),
    ],
)
def test_the_lowest_version_that_may_follow(
    last: str, breaks: bool, adds: bool, least: str
) -> None:
    assert str(SemanticVersion.parse(last).next(breaks=breaks, adds=adds)) == least


@pytest.mark.parametrize("text", ["1.2", "v1.2.3", "1.2.3-rc1", "", "1.2.x"])
def test_other_texts_are_no_versions(text: str) -> None:
    with pytest.raises(ValueError, match="is not a version"):
        SemanticVersion.parse(text)


def test_ten_is_above_nine() -> None:
    assert SemanticVersion.parse("0.10.0") > SemanticVersion.parse("0.9.9")


@pytest.mark.parametrize(
    ("version", "last", "breaks", "adds"),
    [
        ("0.1.0", None, True, True),
        ("0.1.0", "0.1.0", False, False),
        ("0.2.0", "0.1.0", True, True),
        ("0.1.1", "0.1.0", False, True),
        ("1.0.0", "0.9.0", True, True),
        ("2.0.0", "1.9.0", True, False),
    ],
)
def test_a_version_that_is_high_enough(
    version: str, last: str | None, breaks: bool, adds: bool
) -> None:
    before = SemanticVersion.parse(last) if last else None
    assert version_problems(SemanticVersion.parse(version), before, breaks=breaks, adds=adds) == []


@pytest.mark.parametrize(
    ("version", "last", "breaks", "adds", "least"),
    [
        ("0.1.0", "0.1.0", False, True, "0.1.1"),
        ("0.1.1", "0.1.0", True, False, "0.2.0"),
        ("1.3.0", "1.2.0", True, False, "2.0.0"),
        ("1.2.1", "1.2.0", False, True, "1.3.0"),
        ("1.1.0", "1.2.0", False, False, "1.2.1"),
    ],
)
def test_a_version_that_is_too_low_names_the_one_to_take(
    version: str, last: str, breaks: bool, adds: bool, least: str
) -> None:
    found = version_problems(
        SemanticVersion.parse(version), SemanticVersion.parse(last), breaks=breaks, adds=adds
    )
    assert len(found) == 1
    assert f"release --next {least}`" in found[0]


# ── the files ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the files that name the version."""
    for place in PLACES:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPO / place, tmp_path / place)
    return tmp_path


def test_all_files_name_the_same_version() -> None:
    assert disagreements(REPO) == []


@pytest.mark.parametrize("place", PLACES)
def test_a_file_with_another_version_is_named(tree: Path, place: str) -> None:
    other = tree / place
    other.write_text(other.read_text().replace(str(current(tree)), "7.7.7"))
    found = disagreements(tree)
    assert found
    if place != "pyproject.toml":
        assert all(problem.startswith(f"{place}:") for problem in found)


def test_a_file_that_names_no_version_is_an_error(tree: Path) -> None:
    (tree / "docs/deploying.md").write_text("Nothing here.")
    with pytest.raises(ValueError, match=r"docs/deploying\.md does not name the version"):
        list(mentions(tree))


def test_another_version_is_named_everywhere_and_nothing_else_changes(tree: Path) -> None:
    before = current(tree)
    write_version(tree, SemanticVersion(7, 8, 9))
    assert {mention.version for mention in mentions(tree)} == {"7.8.9"}
    assert [place for place in PLACES if _names(tree / place, before)] == []
    write_version(tree, before)
    for place in PLACES:
        assert (tree / place).read_text() == (REPO / place).read_text()


def _names(path: Path, version: SemanticVersion) -> bool:
    """Whether a file has a version, and not as a part of another number or of a requirement."""
    return bool(re.search(rf"(?<![\d.=]){re.escape(str(version))}(?![\d.])", path.read_text()))
