"""The commands of docs/learn that need a running system print what the pages show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.learn.conftest import started
from tools.learn.consoles import replay_system
from tools.learn.pages import PAGES as LEARN
from tools.learn.pages import pages
from tools.learn.system import START

PAGES = [page for page in pages() if "```console system" in page.read_text()]
OF_THREE = {"http.md", "sidecar.md"}
"""The pages that start three services. The others have a system of their own."""


@pytest.fixture(scope="module")
def small_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The run directory of a system of three services."""
    with started(start_in("http.md"), tmp_path_factory.mktemp("three") / "run") as folder:
        yield folder


def test_all_pages_start_one_of_two_systems() -> None:
    assert all(start_in(name) == start_in("http.md") for name in OF_THREE)
    lines = {line for page in pages() for line in start_lines(page.read_text())}
    others = {line for line in lines if line != start_in("http.md")}
    assert others
    assert all(line.startswith(START) for line in others)


@pytest.mark.parametrize("name", sorted(OF_THREE))
def test_the_commands_of_a_page_print_what_it_shows(name: str, small_system: Path) -> None:
    assert_shown(name, small_system)


@pytest.mark.parametrize("name", sorted({page.name for page in PAGES} - OF_THREE))
def test_the_commands_on_a_system_of_five_print_what_the_page_shows(
    name: str, system: Path
) -> None:
    assert_shown(name, system)


def assert_shown(name: str, run_dir: Path) -> None:
    text = (LEARN / name).read_text()
    assert replay_system(text, run_dir) == text


def start_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("./tye-like-run.sh up")]


def start_in(name: str) -> str:
    return start_lines((LEARN / name).read_text())[0]
