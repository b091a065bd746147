"""How long a page and an exercise take: an estimate by a rule, the same for all of them.

Nobody was watched with a clock. What can be counted is counted (words, lines, commands, questions),
and the speeds are stated here. What can be timed without a learner was timed: the commands, in a
walk through all pages and exercises in a fresh clone. Results are rounded up to five minutes.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Mapping

WORDS_PER_MINUTE = 120
"""Half of 238, the mean of adults who read non-fiction silently in their first language (Brysbaert,
"How many words do we read per minute?", 2019): our readers read a second one, and stop to think."""

FASTEST_WORDS_PER_MINUTE = 200
"""Of somebody who reads on, also code and output, and tries nothing."""

READ_LINES_PER_MINUTE = 10
"""Lines of code that are read. A guess of ours, as all of the following."""

MINUTES_PER_CHANGED_LINE = 1.0
"""For each line of the solution that the given file does not have: to find it, and to type it."""

MINUTES_PER_COMMAND = 0.5
"""To type it, run it and read its output. Of 130 that were timed, with three to five other people's
jobs on two cores, half took less than 2 s, and all but those of `WAITS` less than 18 s."""

WAITS = {"observability.md": 1.4, "stories.md": 1.9}
"""Measured minutes of what takes longer: an alert fires (81 s); `conform stories`, and the
end-to-end tests of it (42 s and 74 s)."""

MINUTES_PER_QUESTION = 1.5
CHECKS = 3
"""How often an exercise is checked until it passes."""

STEP = 5
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^(\$ |\./tye-like-run)", re.MULTILINE)
_ROW = re.compile(r"^(\| \[.*\]\((?P<page>[\w-]+\.md)\) \|(?P<steps>.*)\|) \d+ \|$", re.MULTILINE)
_READING = re.compile(r"(?<=Reading alone is )[\d.]+ hours")


def of_page(name: str, text: str) -> float:
    """Return the minutes of a page, without those of its exercises."""
    blocks = _FENCED.findall(text)
    words = len(_FENCED.sub("", text).split())
    code = sum(len(block.splitlines()) - 2 for block in blocks)
    commands = sum(len(_COMMAND.findall(block)) for block in blocks)
    return (
        WAITS.get(name, 0.0)
        + words / WORDS_PER_MINUTE
        + code / READ_LINES_PER_MINUTE
        + commands * MINUTES_PER_COMMAND
        + text.count("<details>") * MINUTES_PER_QUESTION
    )


def of_exercise(
    given: Mapping[str, str], solution: Mapping[str, str], unread: Collection[str] = ()
) -> int:
    """Return the minutes of an exercise for somebody who has read its page.

    Nobody reads the files `unread` from end to end.
    """
    minutes = CHECKS * MINUTES_PER_COMMAND
    for name, text in solution.items():
        if name not in unread:
            minutes += len(given[name].splitlines()) / READ_LINES_PER_MINUTE
        per_line = MINUTES_PER_QUESTION if name == "answers.yaml" else MINUTES_PER_CHANGED_LINE
        minutes += _added_lines(given[name], text) * per_line
    return rounded(minutes)


def _added_lines(given: str, solution: str) -> int:
    """Lines that the solution has and the given file has not, without empty ones."""
    lines = difflib.ndiff(given.splitlines(), solution.splitlines())
    return sum(line.startswith("+ ") and bool(line[2:].strip()) for line in lines)


def rounded(minutes: float) -> int:
    """Return minutes, rounded up to five."""
    return math.ceil(minutes / STEP) * STEP


def render(text: str, pages: Mapping[str, str], exercises: Mapping[str, int]) -> str:
    """Return the table of the path with its minutes: of each page and its exercises together.

    `pages` are the texts by name, `exercises` the minutes by name. The hours of reading alone are
    those of all pages of the table.
    """

    def row(found: re.Match[str]) -> str:
        steps = re.findall(r"`([\w-]+)`", found["steps"])
        minutes = of_page(found["page"], pages[found["page"]]) + sum(
            exercises[step] for step in steps
        )
        return f"{found[1]} {rounded(minutes)} |"

    words = sum(len(pages[found["page"]].split()) for found in _ROW.finditer(text))
    return _READING.sub(f"{words / FASTEST_WORDS_PER_MINUTE / 60:.1f} hours", _ROW.sub(row, text))
