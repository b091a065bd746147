"""The printed version has every page, and every link in it leads somewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tools.learn import printed
from tools.runner.config.paths import REPO

VOID = {"meta", "br", "hr", "img"}


class Outline(HTMLParser):
    """The ids and links of a file. Raises AssertionError where elements are not nested."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        self.loads += [found["src"]] if "src" in found else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def outline() -> Outline:
    found = Outline()
    found.feed(printed.render())
    return found


def test_elements_are_nested_and_nothing_is_loaded(outline: Outline) -> None:
    assert outline.open == []
    assert outline.loads == []


def test_every_page_is_there_once(outline: Outline) -> None:
    pages = sorted([*REPO.glob("docs/learn/*.md"), *REPO.glob("docs/design/*.md")])
    assert sorted(printed.chapters()) == pages
    assert {printed.anchor_of(page) for page in pages} < set(outline.ids)


def test_every_link_leads_to_a_place_in_the_file(outline: Outline) -> None:
    inside = [link for link in outline.links if not re.match(r"https?:", link)]
    assert len(inside) > 50
    assert not [link for link in inside if link.removeprefix("#") not in outline.ids]


def test_answers_are_unfolded() -> None:
    text = printed.render()
    assert "<details>" not in text
    assert text.count("<details open>") > 40


def test_the_file_is_written_where_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "book" / "learn.html"
    printed.main([str(file)])
    assert capsys.readouterr().out == f"{file}\n"
    assert file.read_text().startswith("<!DOCTYPE html>")
