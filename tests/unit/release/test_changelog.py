"""The change log is read, gets a date, and gets the next section."""

from __future__ import annotations

from datetime import date

import pytest

from tools.release.changelog import dated, opened, sections

TEXT = """\
# Changes

About versions.

## 0.2.0 (not released)
- Stories.
- Fixed: a crash
  on Mondays.

## 0.1.0 (2026-11-30)
- The network.
"""


def test_sections_are_read_the_newest_first() -> None:
    new, old = sections(TEXT)
    assert (new.version, new.is_released, len(new.entries)) == ("0.2.0", False, 2)
    assert (old.version, old.is_released, old.text) == ("0.1.0", True, "- The network.")


def test_a_release_gets_its_date() -> None:
    newest = sections(dated(TEXT, "0.2.0", date(2026, 12, 24)))[0]
    assert (newest.when, newest.is_released) == ("2026-12-24", True)


def test_the_next_version_gets_an_empty_section_above_the_others() -> None:
    found = sections(opened(dated(TEXT, "0.2.0", date(2026, 12, 24)), "0.3.0"))
    assert [each.version for each in found] == ["0.3.0", "0.2.0", "0.1.0"]
    assert (found[0].is_released, found[0].entries) == (False, [])


@pytest.mark.parametrize("text", ["# Changes\n", "# Changes\n\n## 0.2.0\n- a\n"])
def test_a_change_log_without_a_section_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="has no section"):
        sections(text)


def test_something_else_than_a_date_is_an_error() -> None:
    with pytest.raises(ValueError, match="isoformat"):
        sections(TEXT.replace("2026-11-30", "last Monday"))
