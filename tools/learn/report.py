"""What a check found: which invariants hold, and what is wrong with the first that does not."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import yaml

_ANSWER = re.compile(r"\s*(#.*)?|[^:]+:( .*)?")
"""A line of answers.yaml: empty, a comment, or a question with or without its answer."""


@dataclass(frozen=True)
class BrokenInvariant:
    """What is wrong: the invariant that falls, what was expected and seen, and where to look."""

    invariant: str
    expected: str
    seen: str
    look: str


@dataclass(frozen=True)
class CheckReport:
    """The outcome of a check: the invariants that hold, and the first that does not."""

    held: tuple[str, ...] = ()
    fallen: BrokenInvariant | None = None

    @property
    def passed(self) -> bool:
        return self.fallen is None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> CheckReport:
        """Read what `to_json` wrote."""
        data = json.loads(text)
        fallen = BrokenInvariant(**data["fallen"]) if data["fallen"] else None
        return cls(tuple(data["held"]), fallen)


class InvariantFallen(Exception):
    """Ends a check at the first invariant that does not hold."""

    def __init__(self, finding: BrokenInvariant) -> None:
        super().__init__(finding.invariant)
        self.finding = finding


@dataclass
class Work:
    """What the learner wrote, for its check."""

    folder: Path
    held: list[str] = field(default_factory=list)

    def module(self, name: str) -> Any:
        """Import a file of the learner. Raises whatever the file raises."""
        path = self.folder / f"{name}.py"
        unique = f"learner_{self.folder.parent.name}_{self.folder.name}_{name}".replace("-", "_")
        spec = importlib.util.spec_from_file_location(unique, path)
        if spec is None or spec.loader is None:
            raise FileNotFoundError(path)
        module = ModuleType(unique)
        module.__file__ = str(path)
        sys.modules[unique] = module  # dataclasses and FastAPI look their module up by its name
        exec(compile(path.read_text(), str(path), "exec"), module.__dict__)  # noqa: S102
        return module

    def answers(self, name: str = "answers.yaml") -> dict[str, str]:
        """Return the answers that the learner wrote, by question. Raises InvariantFallen."""
        file = self.folder / name
        if not file.exists():
            raise InvariantFallen(_unreadable(name, "no such file", "learn start gives it again"))
        text = file.read_text()
        try:
            data = yaml.safe_load(text) or {}
        except yaml.YAMLError:
            data = None
        if not isinstance(data, dict):
            raise InvariantFallen(_unreadable(name, *_odd_line(name, text)))
        return {str(question): str(answer or "").strip() for question, answer in data.items()}

    def require(
        self, invariant: str, holds: object, *, expected: object, seen: object, look: str
    ) -> None:
        """Note that an invariant holds, or end the check here."""
        if not holds:
            finding = BrokenInvariant(invariant, str(expected), str(seen), look)
            raise InvariantFallen(finding)
        self.held.append(invariant)

    def report(self, error: BaseException | None = None) -> CheckReport:
        """Return the report of a check that ended, or that an error has ended."""
        if error is None:
            return CheckReport(tuple(self.held))
        if isinstance(error, InvariantFallen):
            return CheckReport(tuple(self.held), error.finding)
        return CheckReport(tuple(self.held), self._crash(error))

    def _crash(self, error: BaseException) -> BrokenInvariant:
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        return BrokenInvariant("your code runs", "no error", what, self._where(error))

    def _where(self, error: BaseException) -> str:
        if isinstance(error, SyntaxError) and error.filename:
            return f"{Path(error.filename).name}, line {error.lineno}"
        frames = [
            frame
            for each in _causes(error)
            for frame in traceback.extract_tb(_traceback(each))
            if Path(frame.filename).parent == self.folder
        ]
        if frames:
            last = frames[-1]
            return f"{Path(last.filename).name}, line {last.lineno}, in {last.name}"
        return "what the check imports: does a name or a parameter differ from the given file?"


def _unreadable(name: str, seen: str, look: str) -> BrokenInvariant:
    expected = "a colon, a space and your answer behind each question"
    return BrokenInvariant(f"{name} can be read", expected, seen, look)


def _odd_line(name: str, text: str) -> tuple[str, str]:
    """Return the first line that is no answer, and where it is."""
    for number, line in enumerate(text.splitlines(), 1):
        if not _ANSWER.fullmatch(line):
            return line.strip(), f"{name}, line {number}"
    return "something else", f"{name}: answer with one letter or one word, without quotes"


def _causes(error: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = error
    while each is not None:
        yield each
        each = each.__cause__ or each.__context__


def _traceback(error: BaseException) -> TracebackType | None:
    return error.__traceback__


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Let the files in a folder import each other for a while."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
