"""The pages of docs/learn and docs/design as one HTML file, to print or to read without a network.

    python -m tools.learn.printed [FILE]      writes .run/learn.html, or FILE

The pages follow each other as their first pages list them. Links between them lead to their place
in the file; what is elsewhere in the repository is named, and not linked.
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tools.learn.figures import slug
from tools.runner.config.paths import REPO

BOOKS = ("docs/learn/README.md", "docs/design/README.md")
DEFAULT = REPO / ".run" / "learn.html"
_LINK = re.compile(r"\]\(([\w-]+\.md)\)")
_STYLE = """
body { font: 11pt/1.5 serif; max-width: 44em; margin: 2em auto; padding: 0 1em; }
section { break-before: page; }
h1, h2, h3 { font-family: sans-serif; line-height: 1.2; break-after: avoid; }
pre, code { font: 9.5pt/1.4 monospace; }
pre { background: #f4f4f4; padding: .7em; overflow-x: auto; white-space: pre-wrap; }
table { border-collapse: collapse; font-size: 10pt; }
th, td { border: 1px solid #999; padding: .3em .5em; text-align: left; vertical-align: top; }
summary { font-weight: bold; }
a { color: inherit; }
"""


def chapters() -> list[Path]:
    """Return all pages of both books, each once, in the order in which they are listed."""
    found = []
    for book in BOOKS:
        first = REPO / book
        linked = [first.parent / name for name in _LINK.findall(first.read_text())]
        rest = sorted(set(first.parent.glob("*.md")) - {first, *linked})
        found += [first, *linked, *rest]
    return list(dict.fromkeys(found))


def render() -> str:
    """Return the whole file."""
    pages = chapters()
    body = "\n".join(_render_page(page, pages) for page in pages)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>Microgram: learn</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n"
        "</body>\n</html>\n"
    )


def anchor_of(page: Path, heading: str = "") -> str:
    """Return the id of a page, or of a heading in it, in the one file."""
    name = posixpath.splitext(page.relative_to(REPO / "docs").as_posix())[0].replace("/", "-")
    return f"{name}--{heading}" if heading else name


def _render_page(page: Path, pages: list[Path]) -> str:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(page.read_text())
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", anchor_of(page, slug(tokens[number + 1].content)))
        for child in token.children or []:
            _relink(child, page, pages)
    text = str(parser.renderer.render(tokens, parser.options, {}))
    text = re.sub(r"<a>(.*?)</a>", r"\1", text, flags=re.DOTALL)
    return f'<section id="{anchor_of(page)}">\n{_opened(text)}</section>'


def _relink(token: Token, page: Path, pages: list[Path]) -> None:
    """Let a link lead to a place in the file, or to nowhere."""
    if token.type != "link_open":
        return
    target = str(token.attrs["href"])
    if re.match(r"[a-z]+:", target):
        return
    path, _, heading = target.partition("#")
    linked = (page.parent / path).resolve() if path else page
    token.attrs.clear()
    if linked in pages:
        token.attrSet("href", f"#{anchor_of(linked, heading)}")


def _opened(text: str) -> str:
    """Show folded answers, and no comments: paper does not unfold."""
    return re.sub(r"<!--.*?-->\n?", "", text).replace("<details>", "<details open>")


def main(arguments: list[str]) -> None:
    """Write the file, and say where it is."""
    file = Path(arguments[0]) if arguments else DEFAULT
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_text(render())
    print(file)


if __name__ == "__main__":
    main(sys.argv[1:])
