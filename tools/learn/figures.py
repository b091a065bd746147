"""The figures that pages quote: taken from the tables of other pages, and held equal by a test.

A figure in a page is a link whose title names its cell, the row first:

    [78.78 ms](../benchmark.md#a-measured-run "checkout, all")

The number is that of the cell, rounded to the decimals that the page shows. Of equal headings, the
last one counts. Of a table in a block of code, a row is found by its first words, and a column by
the end of its heading. `python -m tools.learn.pages` writes the numbers anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

_FIGURE = re.compile(
    r"\[(?P<number>[\d,]+(?:\.\d+)?)(?P<unit>[^]]*)\]"
    r'\((?P<path>[^)#\s]*)#(?P<anchor>[^)\s]+) "(?P<row>[^",]+), (?P<column>[^"]+)"\)'
)
_NUMBER = re.compile(r"-?[\d,]+(?:\.\d+)?")
_LINE = "─"


class MissingFigureError(LookupError):
    """A page quotes a cell that its source does not have."""


def render(text: str, page: Path) -> str:
    """Return a page with the figures of its sources. Raises MissingFigureError."""
    return _FIGURE.sub(lambda figure: _render_figure(figure, page), text)


def _render_figure(figure: re.Match[str], page: Path) -> str:
    source = (page.parent / figure["path"]).resolve() if figure["path"] else page
    section = section_of(source.read_text(), figure["anchor"])
    number = look_up(section, figure["row"], figure["column"])
    decimals = len(figure["number"].partition(".")[2])
    shown = f"{round(number, decimals) if decimals else round(number):,}"
    return figure[0].replace(figure["number"], shown, 1)


def section_of(text: str, anchor: str) -> str:
    """Return what is below a heading, up to the next one. Raises MissingFigureError."""
    parts = re.split(r"^#+ (.+)$", text, flags=re.MULTILINE)
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        if slug(heading) == anchor:
            return body
    raise MissingFigureError(anchor)


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")


def look_up(section: str, row: str, column: str) -> Decimal:
    """Return a number of a table. Raises MissingFigureError if no table has that row and column."""
    cells = (*_markdown_cells(section, row, column), *_aligned_cells(section, row, column))
    for cell in cells:
        if found := _NUMBER.search(cell):
            return Decimal(found[0].replace(",", ""))
    raise MissingFigureError(f"{row}, {column}")


def _markdown_cells(section: str, row: str, column: str) -> Iterator[str]:
    heading: list[str] = []
    for line in section.splitlines():
        cells = [cell.strip(" *") for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            heading = []
        elif not heading:
            heading = cells
        elif cells[0] == row and column in heading:
            yield cells[len(heading) - 1 - heading[::-1].index(column)]


def _aligned_cells(section: str, row: str, column: str) -> Iterator[str]:
    lines = section.splitlines()
    for number, line in enumerate(lines):
        if not line.strip().startswith(_LINE):
            continue
        heading = re.search(rf"(?<!\S){re.escape(column)}(?!\S)", lines[number - 1])
        for each in lines[number + 1 :] if heading else []:
            if re.match(rf"\s*{re.escape(row)}(\s|$)", each):
                yield each[: heading.end()].rsplit(maxsplit=1)[-1]  # type: ignore[union-attr]
