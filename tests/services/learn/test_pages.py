"""The pages of docs/learn show the code as it is, and the output that their commands give."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.learn.catalog import read_path
from tools.learn.consoles import replay, replay_system
from tools.learn.pages import MissingCodeError, extract, pages, render
from tools.runner.config.paths import REPO

PAGES = pages()
NAMES = [page.name for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_the_code_of_a_page_is_that_of_its_file(page: Path) -> None:
    text = page.read_text()
    assert render(text) == text, "write it anew: python -m tools.learn.pages"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_the_commands_of_a_page_print_what_it_shows(page: Path, tmp_path: Path) -> None:
    text = page.read_text()
    assert replay(text, tmp_path) == text, "write it anew: python -m tools.learn.consoles"


def test_the_first_page_leads_to_every_page_and_exercise() -> None:
    first = (REPO / "docs/learn/README.md").read_text()
    assert not [name for name in NAMES if name != "README.md" and f"({name}" not in first]
    assert not [each.name for each in read_path().exercises if f"`{each.name}`" not in first]


def test_code_is_found_by_its_name() -> None:
    source = "A, B = 1, 2\n\n\n@cache\ndef one():\n    pass\n\n\n"
    source += "class C:\n    def m(self):\n        pass\n"
    assert extract(source, "B") == "A, B = 1, 2"
    assert extract(source, "one") == "@cache\ndef one():\n    pass"
    assert extract(source, "C.m") == "def m(self):\n    pass"
    with pytest.raises(MissingCodeError):
        extract(source, "none")


def test_commands_on_a_system_share_a_shell_and_differ_where_the_system_does(
    tmp_path: Path,
) -> None:
    page = "```console system\n$ X=one\n```\ntext\n```console system\n$ echo $X .run/learn\n?\n```"
    shown = replay_system(page, tmp_path)
    assert shown == page.replace("?", f"one {tmp_path}")
    etag = "```console system\n$ echo 47c72799-e329-4108-aa63-6199960221f7\n{}\n```"
    kept = etag.format("00000000-0000-4000-8000-000000000000")
    assert replay_system(kept, tmp_path) == kept
