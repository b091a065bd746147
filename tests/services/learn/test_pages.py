"""The pages of docs/learn show the code as it is, and the output that their commands give."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from tools.learn import figures
from tools.learn.catalog import read_path
from tools.learn.consoles import replay, replay_system
from tools.learn.pages import (
    MissingCodeError,
    extract,
    extract_change,
    pages,
    pages_with_figures,
    render,
    render_minutes,
)
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


@pytest.mark.parametrize("page", pages_with_figures(), ids=lambda page: page.name)
def test_a_figure_of_a_page_is_that_of_its_source(page: Path) -> None:
    text = page.read_text()
    assert figures.render(text, page) == text, "write it anew: python -m tools.learn.pages"


def test_what_a_machine_carries_follows_from_the_measured_prices() -> None:
    run = figures.section_of((REPO / "docs/benchmark.md").read_text(), "a-measured-run")
    capacity = figures.section_of((REPO / "docs/operating.md").read_text(), "capacity")
    day = {"home": 10, "home-miss": 10, "like": 10, "compose": 1, "comment": 2}
    seconds = sum(times * figures.look_up(run, kind, "all") for kind, times in day.items()) / 1000
    evenly = 24 * 3600 / seconds  # of one core
    stated = [
        figures.look_up(capacity, "20 pages and what is written", column)
        for column in ("processor seconds", "people, if they came evenly", "people, with the peak")
    ]
    assert stated == pytest.approx([seconds, evenly, evenly / 5], rel=Decimal("0.05"))


def test_a_measured_table_of_a_page_is_that_of_the_benchmark() -> None:
    measured = (REPO / "docs/benchmark.md").read_text()
    tables = [line for page in PAGES for line in aligned_table(page.read_text())]
    assert len(tables) > 4
    assert not [line for line in tables if line not in measured]


def aligned_table(text: str) -> list[str]:
    """The lines of blocks with a table such as `bench` prints."""
    blocks = re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks if " ───" in block for line in block.splitlines()]


def test_the_minutes_of_the_first_page_follow_from_the_rule() -> None:
    text = (REPO / "docs/learn/README.md").read_text()
    assert render_minutes(text) == text, "write it anew: python -m tools.learn.pages"
    other = re.sub(r"(?<=Reading alone is )[\d.]+", "0.1", re.sub(r" \d+ \|$", " 1 |", text))
    assert other != text == render_minutes(other)


SOURCE = """# Costs
Some text.
```
 what            n p50 ms  all
 ─────────────────────────────
 a post         16   1.20 10.4
 a              16   7.00  9.9
```
## Memory
| MB | before | after |
|---|---|---|
| all | **1,186** | 716 |
"""


def test_a_figure_is_found_by_its_row_and_column(tmp_path: Path) -> None:
    (tmp_path / "source.md").write_text(SOURCE)
    quoted = '[{} ms](source.md#costs "a post, all") [{} MB](source.md#memory "all, before")'
    assert figures.render(quoted.format(0, 9), tmp_path / "page.md") == quoted.format("10", "1,186")
    assert figures.render(quoted.format("0.0", 9), tmp_path / "p.md").startswith("[10.4 ms]")
    for row, column in (("a post", "nothing"), ("nobody", "all")):
        with pytest.raises(figures.MissingFigureError):
            figures.look_up(SOURCE, row, column)
    with pytest.raises(figures.MissingFigureError):
        figures.section_of(SOURCE, "time")


NEW_SERVICE = "stories"
"""A page writes this service, so its files are not there."""


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_path_on_a_page_exists(page: Path) -> None:
    roots = "services|tests|docs|components|tools|bench|deploy|guests"
    for path in re.findall(rf"`((?:{roots})/[\w./*-]+)`", page.read_text()):
        assert list(REPO.glob(path)) or NEW_SERVICE in path, path


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


def test_a_change_is_found_by_its_file() -> None:
    patch = (
        "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n x\n-y\n+z\n"
        "@@ -9 +9 @@ def f\n-v\n+w\n"
        "diff --git a/b.py b/b.py\nnew file mode 100644\n"
        "--- /dev/null\n+++ b/b.py\n@@ -0,0 +1 @@\n+b\n"
    )
    assert extract_change(patch, "a.py") == " x\n-y\n+z\n ...\n-v\n+w"
    assert extract_change(patch, "b.py", is_new=True) == "b"
    with pytest.raises(MissingCodeError):
        extract_change(patch, "c.py")


def test_commands_on_a_system_share_a_shell_and_differ_where_the_system_does(
    tmp_path: Path,
) -> None:
    page = "```console system\n$ X=one\n```\ntext\n```console system\n$ echo $X .run/learn\n?\n```"
    shown = replay_system(page, tmp_path)
    assert shown == page.replace("?", f"one {tmp_path}")
    etag = "```console system\n$ echo 47c72799-e329-4108-aa63-6199960221f7\n{}\n```"
    kept = etag.format("00000000-0000-4000-8000-000000000000")
    assert replay_system(kept, tmp_path) == kept
