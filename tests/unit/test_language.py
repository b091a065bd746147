"""The language of the tree: straight quotes, unique class names, a glossary that is up to date."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

REPO = Path(__file__).parents[2]
FOLDERS = ("services", "tools", "bench", "tests", "docs", "components", "deploy")
TEXTS = {".py", ".md", ".yaml", ".yml", ".toml", ".sh", ".html", ".css", ".js", ".json", ".graphql"}

QUOTES = re.compile("[\u00ab\u00bb]")
WITH_QUOTES = {
    "tests/e2e/mail/test_digests.py",  # a display name that mail must carry unchanged
}
NAMESAKES = {"Repository", "Settings"}
"""Names of which every service may have one class."""

GENERATED = "docs/contracts/"
CONTRACTS = "services/contracts/"
EXERCISES = "tools/learn/exercises/"
"""An exercise has its files twice, with a fault and without it."""

TYPED_API = "services/gateway/graphql/"
"""GraphQL types may have the names of the contract models that they show."""

METAPHORS = "bell desk heard hears keeper knock newsroom office till undertaker warden world"
"""Words that once named what has a standard term."""


@cache
def texts() -> dict[str, str]:
    paths = [path for path in REPO.glob("*") if path.suffix in TEXTS]
    for folder in FOLDERS:
        paths += [path for path in (REPO / folder).rglob("*") if path.suffix in TEXTS]
    names = {path.relative_to(REPO).as_posix(): path for path in paths}
    return {name: path.read_text() for name, path in names.items() if GENERATED not in name}


def test_quotes_are_straight() -> None:
    found = {name for name, text in texts().items() if QUOTES.search(text)}
    assert not found - WITH_QUOTES


def test_no_two_public_classes_have_the_same_name() -> None:
    where = defaultdict(list)
    for name, text in texts().items():
        is_test = Path(name).name.startswith("test_")
        if name.endswith(".py") and not is_test and EXERCISES not in name:
            for found in re.findall(r"^class ([A-Za-z]\w*)", text, re.MULTILINE):
                where[found].append(name)
    doubled = {name: files for name, files in where.items() if len(files) > 1}
    typed = {
        name
        for name, files in doubled.items()
        if all(file.startswith((CONTRACTS, TYPED_API)) for file in files) and len(files) == 2
    }
    assert not sorted(doubled.keys() - NAMESAKES - typed), doubled


def test_no_name_is_a_metaphor() -> None:
    word = f"_?(?:{METAPHORS.replace(' ', '|')})"
    defined = rf"^ *(?:(?:async )?def|class) {word}\b|\b{word}(?:: [^=\n]+)? = "
    pattern = re.compile(defined, re.IGNORECASE | re.MULTILINE)
    found = {name: pattern.findall(text) for name, text in texts().items() if name.endswith(".py")}
    assert not {name: words for name, words in found.items() if words}


def test_every_path_in_the_glossary_exists() -> None:
    rows = [row.split("|") for row in texts()["docs/glossary.md"].splitlines() if "|" in row]
    paths = [path for row in rows for path in re.findall(r"`(\w[\w.]*/[\w/.]*)`", row[3])]
    assert len(paths) > 50
    bases = (REPO, REPO / "services")
    assert not [path for path in paths if not any((base / path).exists() for base in bases)]
