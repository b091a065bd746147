"""The code and the figures that pages show: taken from their files, and held equal by a test.

    python -m tools.learn.pages       writes those of all pages in docs/learn anew

A block that begins with ```python services/x.py#name shows the function, class or constant `name`
of that file, and `Class.method` a method; without #name it shows the whole file.

A block that begins with ```diff examples/x.patch#services/x.py shows what a patch changes in a
file; with the name of another language it shows a file that the patch adds.
"""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

from tools.learn import figures, minutes
from tools.learn.catalog import read_path
from tools.runner.config.paths import REPO

PAGES = REPO / "docs" / "learn"
_BLOCK = re.compile(
    r"^```(\w+) ([\w./-]+\.\w+)(?:#([\w./-]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


class MissingCodeError(LookupError):
    """A page shows something that its file does not have."""


def render(text: str) -> str:
    """Return a page with the code of its blocks as it is in the files now."""
    return _BLOCK.sub(_render_block, text)


def _render_block(block: re.Match[str]) -> str:
    language, path, name, _ = block.groups()
    source = (REPO / path).read_text()
    if path.endswith(".patch"):
        code = extract_change(source, name or "", is_new=language != "diff")
    else:
        code = extract(source, name) if name else source.rstrip()
    return f"```{language} {path}{f'#{name}' if name else ''}\n{code}\n```"


def extract(source: str, name: str) -> str:
    """Return the source of a function, class, method or constant. Raises MissingCodeError."""
    found: ast.AST = ast.parse(source)
    for part in name.split("."):
        found = _child(found, part)
    assert isinstance(found, ast.stmt)  # noqa: S101 (for mypy)
    decorators = getattr(found, "decorator_list", [])
    first = min([found.lineno, *(each.lineno for each in decorators)])
    lines = source.splitlines()[first - 1 : found.end_lineno]
    return textwrap.dedent("\n".join(lines))


def extract_change(patch: str, path: str, *, is_new: bool = False) -> str:
    """Return what a patch says of a file; if it `is_new`, its text. Raises MissingCodeError."""
    for part in patch.split("diff --git ")[1:]:
        head, hunks = part.split("\n@@", 1)
        if head.endswith(f"+++ b/{path}"):
            lines = f"@@{hunks}".splitlines()
            changes = [line for line in lines if line[0] in " +-"]
            return "\n".join(line[1:] for line in changes) if is_new else _joined_hunks(lines)
    raise MissingCodeError(path)


def _joined_hunks(lines: list[str]) -> str:
    """Return the hunks of a diff with dots between them, where it has line numbers."""
    return "\n".join(" ..." if line.startswith("@@") else line.rstrip() for line in lines[1:])


def _child(parent: ast.AST, name: str) -> ast.AST:
    for each in getattr(parent, "body", []):
        if name in _names(each):
            return each  # type: ignore[no-any-return]
    raise MissingCodeError(name)


def _names(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return {statement.name}
        case ast.Assign():
            targets = [
                each
                for target in statement.targets
                for each in (target.elts if isinstance(target, ast.Tuple) else [target])
            ]
            return {target.id for target in targets if isinstance(target, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
    return set()


def pages() -> list[Path]:
    """Return the files of all pages."""
    return sorted(PAGES.rglob("*.md"))


def pages_with_figures() -> list[Path]:
    """Return the files of all pages that quote figures; those that others quote come first."""
    return [REPO / "docs" / "operating.md", *pages()]


def render_minutes(text: str) -> str:
    """Return the first page with the minutes of all pages and exercises."""
    texts = {page.name: page.read_text() for page in pages()}
    return minutes.render(text, texts, {each.name: each.minutes for each in read_path().exercises})


def main() -> None:
    """Write all pages anew."""
    for page in pages():
        page.write_text(render(page.read_text()))
    for page in pages_with_figures():
        page.write_text(figures.render(page.read_text(), page))
    first = PAGES / "README.md"
    first.write_text(render_minutes(first.read_text()))


if __name__ == "__main__":
    main()
