"""CONTRIBUTING.md and docs/design: commands, links, paths, figures and diagrams are true."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.chassis.security.access_rules import read_access
from services.contracts.events import EVENTS
from tools.runner import cli
from tools.runner.config.paths import REPO

PAGES = [REPO / "CONTRIBUTING.md", *sorted((REPO / "docs/design").glob("*.md"))]
OF_A_NEW_SERVICE = {"tests/unit/stories", "tests/services/stories"}
"""What `new stories` on the page before creates."""


def name_of(page: Path) -> str:
    return page.relative_to(REPO).as_posix()


def anchors(page: Path) -> set[str]:
    """The names of the headings, as they are in links."""
    found = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in found}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_path_in_the_text_exists(page: Path) -> None:
    for path in re.findall(
        r"`((?:services|tests|docs|components|tools|bench)/[\w./]+)`", page.read_text()
    ):
        assert (REPO / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_is_one_that_exists(page: Path) -> None:
    text = page.read_text()
    for line in re.findall(r"^ *\$ (.+)$", text, re.MULTILINE):
        words = shlex.split(line)
        if words[0] == "./tye-like-run.sh":
            cli.parse(words[1:])
        else:
            assert words[0].startswith(".venv/bin/"), line
            named = [word for word in words if word.startswith("tests/")]
            assert all(word in OF_A_NEW_SERVICE or (REPO / word).exists() for word in named), line
    for verb in re.findall(r"`\./tye-like-run\.sh (\w+)", text):
        assert verb in cli.VERBS


def test_a_figure_of_a_table_stands_in_its_source() -> None:
    figures = [(page, *row) for page in PAGES for row in _figures(page)]
    assert len(figures) >= 10
    for page, figure, source in figures:
        assert re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d)", source.read_text()), (
            page,
            figure,
        )


def _figures(page: Path) -> Iterator[tuple[str, Path]]:
    """Figures with a unit in rows that end with a link."""
    rows = re.findall(
        r"^\| .*\| ([\d.,]+) (?:f|ms) \| \[[^]]+\]\(([^)#]+)[^)]*\) \|$",
        page.read_text(),
        re.MULTILINE,
    )
    for figure, source in rows:
        yield figure, page.parent / source


ARROWS = re.compile(r'^  (\w+) (==|--) "([^"]+)" (?:==>|-->) (\w+)$', re.MULTILINE)


def test_every_arrow_of_a_diagram_is_a_route_or_an_event() -> None:
    text = (REPO / "docs/design/events.md").read_text()
    access, events = read_access(), {event.name: event for event in EVENTS}
    diagrams = "".join(re.findall(r"```mermaid\nflowchart LR\n(.*?)```", text, re.DOTALL))
    arrows = ARROWS.findall(diagrams)
    assert len(arrows) == len(diagrams.splitlines()) > 20
    for source, kind, name, target in arrows:
        if kind == "==":
            assert source in access[target].calls[name], (source, name)
        else:
            assert events[name].producer == source, name
            assert events[name].topic in access[target].subscribes, (name, target)
